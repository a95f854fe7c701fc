"""What stages 1 and 2 share: prompts, structured answers, rounds of further drafts, replay, and asking as a whole.

Not here: a stage's own prompts and gates (captions/, instructions/), or how requests travel (llm/).
"""
