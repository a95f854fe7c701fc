"""OpenAI chat completions as bytes: a request into a body, a response into an answer. No network here."""

import json
from collections.abc import Callable
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from unicorn_assets.llm.request import Answer, ChatRequest, token_count
from unicorn_assets.llm.server_text import excerpt
from unicorn_assets.llm.shaping import PLAIN, Shaper
from unicorn_assets.redaction import redact_known


class NotAnAnswer(Exception):  # noqa: N818 - describes the response
    """HTTP 200 whose body is not a chat completion: cut-off JSON, an HTML page, no choices."""


def to_body(request: ChatRequest, model: str, shaper: Shaper = PLAIN) -> bytes:
    """The JSON body of POST /v1/chat/completions, as `shaper` writes it."""
    body = shaper.body(request, model)
    try:
        return to_json(body)
    except PydanticSerializationError:  # half of a surrogate pair, which UTF-8 cannot express
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def to_answer(
    raw: bytes, key: str, model: str, seconds: float, attempts: int, without_keys: Callable[[str], str] = redact_known
) -> Answer:
    """The answer inside a response body; raises NotAnAnswer with a short reason.

    A message without content is an answer too when it says why (a refusal, a tool call, reasoning alone): the server
    did its work, and a row's verdict says so (reply.py). A server may say the caller's own key aloud: what is kept of
    an answer lacks it.
    """
    try:
        response = _json(raw)
        choice = response["choices"][0]
        text, finish_reason = _said(choice["message"], str(choice.get("finish_reason") or "")[:40])
        prompt, completion, cached = _usage(response.get("usage"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        kind = "HTML" if raw.lstrip()[:1] == b"<" else "not a chat completion"
        raise NotAnAnswer(f"{kind}: {excerpt(raw, 120)}") from error
    if finish_reason != "stop" and finish_reason.lower() in _BROKEN:
        raise NotAnAnswer(f"the server broke the answer off (finish_reason {finish_reason})")
    return Answer(
        key=key, text=without_keys(text), finish_reason=finish_reason, prompt_tokens=prompt,
        completion_tokens=completion, cached_tokens=cached, seconds=seconds, attempts=attempts, model=model,
    )  # fmt: skip


_BROKEN = frozenset(("error", "abort", "aborted", "cancelled", "network_error", "insufficient_system_resource"))
"""Finish reasons of a server that did not get to the end: the same request may be answered well later."""


def _json(raw: bytes) -> Any:
    try:
        return from_json(raw)
    except ValueError:
        if b"\\ud" not in raw.lower():
            raise
        return json.loads(raw)  # it takes half of a surrogate pair, which a text may be cut to


def _said(message: dict[str, Any], finish_reason: str) -> tuple[str, str]:
    """Text and finish reason of a message; raises TypeError when its content is neither text nor parts."""
    content = message.get("content")
    refused = message.get("refusal")
    if type(content) is str and content and not content.isspace() and not refused:
        return content, finish_reason  # nearly every answer
    if isinstance(content, list):
        refused = refused or next((part["refusal"] for part in content if _is_part(part, "refusal")), None)
        thoughts = any(isinstance(part, dict) and part.get("type") in ("thinking", "reasoning") for part in content)
        content = "".join(part if isinstance(part, str) else part["text"] for part in content if _is_text(part))
    else:
        thoughts = False
    if content is not None and not isinstance(content, str):
        raise TypeError("content is neither text nor a list of parts")
    if isinstance(refused, str) and refused.strip():
        return refused, "refusal"
    if content and content.strip():
        return content, finish_reason
    calls = message.get("tool_calls") or message.get("function_call")
    if calls:
        return to_json(calls, inf_nan_mode="constants").decode(), "tool_calls"
    reasoning = next((message[name] for name in ("reasoning_content", "reasoning") if message.get(name)), None)
    if reasoning or thoughts:
        return reasoning if isinstance(reasoning, str) else "", "only_reasoning"
    return content or "", finish_reason


def _is_text(part: Any) -> bool:
    return isinstance(part, str) or (
        isinstance(part, dict) and part.get("type", "text") in ("text", "output_text") and isinstance(part["text"], str)
    )


def _is_part(part: Any, name: str) -> bool:
    return isinstance(part, dict) and part.get("type") == name and isinstance(part.get(name), str)


def _usage(usage: Any) -> tuple[int, int, int]:
    """Prompt, completion and cached tokens; all 0 when there is no usage, or one that cannot be."""
    if not isinstance(usage, dict):
        return 0, 0, 0
    prompt, completion = token_count(usage.get("prompt_tokens")), token_count(usage.get("completion_tokens"))
    if not prompt or completion is None:
        return 0, 0, 0
    details = usage.get("prompt_tokens_details")
    cached = token_count(details.get("cached_tokens")) or 0 if isinstance(details, dict) else 0
    return prompt, completion, cached
