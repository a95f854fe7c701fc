"""OpenAI chat completions as bytes: a request into a body, a response into an answer. No network here."""

import json

from pydantic_core import PydanticSerializationError, from_json, to_json

from unicorn_assets.llm.request import Answer, ChatRequest


class NotAnAnswer(Exception):  # noqa: N818 - describes the response
    """HTTP 200 whose body is not a chat completion: cut-off JSON, an HTML page, no choices."""


def to_body(request: ChatRequest, model: str) -> bytes:
    """The JSON body of POST /v1/chat/completions."""
    body = {"model": model, "messages": request.messages, "seed": request.seed} | request.fixed().fields
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


def server_message(raw: bytes) -> str:
    """What the server says in an error body ({"error": {"message": ...}} or whatever it sent), short."""
    try:
        body = json.loads(raw)
        error = body.get("error", body)
        said = (error.get("message") or error.get("detail") or "") if isinstance(error, dict) else str(error)
        return " ".join(str(said).split())[:300] or excerpt(raw, 300)
    except (ValueError, AttributeError):
        return excerpt(raw, 200)
