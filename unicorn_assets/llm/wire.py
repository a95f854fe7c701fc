"""OpenAI chat completions as bytes: a request into a body, a response into an answer. No network here."""

import json
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from unicorn_assets.llm.request import Answer, ChatRequest
from unicorn_assets.llm.shaping import PLAIN, Shaper
from unicorn_assets.redaction import redact


class NotAnAnswer(Exception):  # noqa: N818 - describes the response
    """HTTP 200 whose body is not a chat completion: cut-off JSON, an HTML page, no choices."""


def to_body(request: ChatRequest, model: str, shaper: Shaper = PLAIN) -> bytes:
    """The JSON body of POST /v1/chat/completions, as `shaper` writes it."""
    body = shaper.body(request, model)
    try:
        return to_json(body)
    except PydanticSerializationError:  # half of a surrogate pair, which UTF-8 cannot express
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def to_answer(raw: bytes, key: str, model: str, seconds: float, attempts: int) -> Answer:
    """The answer inside a response body; raises NotAnAnswer with a short reason."""
    try:
        response = from_json(raw)
        choice = response["choices"][0]
        text = choice["message"].get("content") or ""
        usage = response.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        if not isinstance(text, str):
            raise TypeError("content is not a string")
        return Answer(
            key=key,
            text=text,
            finish_reason=str(choice.get("finish_reason") or ""),
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
            cached_tokens=int(details.get("cached_tokens") or 0),
            seconds=seconds,
            attempts=attempts,
            model=model,
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        kind = "HTML" if raw.lstrip()[:1] == b"<" else "not a chat completion"
        raise NotAnAnswer(f"{kind}: {excerpt(raw, 120)}") from error


def excerpt(raw: bytes, limit: int = 2000) -> str:
    """The start of a body as one line of text, for messages and the quarantine."""
    return " ".join(raw[:limit].decode("utf-8", "replace").split())


def told(text: str) -> str:
    """Text of a server as one line for people: no control characters or marks that change a terminal, no secrets."""
    return " ".join(redact("".join(c if c.isprintable() else " " for c in text)).split())


def server_message(raw: bytes) -> str:
    """What the server says in an error body ({"error": {"message": ...}} or whatever it sent), short, for people."""
    try:
        body = from_json(raw)
        said = message_in(body.get("error") or body)
    except (ValueError, AttributeError, RecursionError):
        said = ""
    return said or told(excerpt(raw))[:300]


def message_in(error: Any) -> str:
    """The words of an error object, or of whatever stands in its place; empty when it has none."""
    said = (error.get("message") or error.get("detail") or "") if isinstance(error, dict) else error
    try:
        return told(str(said)[:2000])[:300]
    except ValueError:  # a number of thousands of digits
        return ""
