"""From a row to an accepted, journaled answer of an LLM.

Here: requests, endpoints (who serves the model), the engine (who asks, retries and slows down), the journal (what was
answered, for ever), the ledger (what it cost). Not here: prompts, schemas and gates; they belong to captions/ and
instructions/. There is one wire protocol, OpenAI chat completions over HTTP; endpoints differ only in who starts the
server.
"""
