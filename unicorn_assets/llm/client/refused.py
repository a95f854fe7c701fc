"""A server refused a part of the request: which one, and what the recipe should say. Reads error bodies, changes
nothing. Not here: writing requests that way (shaping.py).
"""

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic_core import from_json

from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.settings import Keyword
from unicorn_assets.llm.shaping import Shaper

_NEVER = re.compile(
    r"unsupported|not supported|n't support|not support|unknown|unrecogni[sz]ed|not permitted|not allowed|unexpected"
    r"|\bextra\b|forbidden|cannot both|can't both|only one|only the default|deprecated|not available|unavailable"
    r"|not implemented|no longer|must alternate",
    re.IGNORECASE,
)
"""Words by which a server says that it does not take a field, whatever its value and whatever the row."""
_PERHAPS = re.compile(r"\binstead\b|\binvalid\b|must be (?:one of|'?\"?(?:text|json_object))", re.IGNORECASE)
"""Words that say so only where nothing is said of sizes."""
_SIZE = re.compile(
    r"context.{0,9}(?:length|window|size)|too (?:large|long|many|big|high|low)|exceed|maximum|minimum|at most"
    r"|at least|less than|greater|range|between|above|below",
    re.IGNORECASE,
)
"""Words about a value or the size of one request: leaving the field out would be the wrong advice."""
_INSTEAD = re.compile(r"(?:use|with|try) [`'\"“‘]?(max_[a-z_]*tokens)\b", re.IGNORECASE)
_SYSTEM = re.compile(
    r"(?:system|developer)\W{1,3}(?:role|message|prompt|instruction)|roles? must alternate", re.IGNORECASE
)
_PATHS = ("param", "loc", "field", "path")


class Adviser:
    """What to write about one request's refusal; call it with the error body and the server's words."""

    def __init__(self, request: ChatRequest, shaper: Shaper) -> None:
        self._request, self._shaper = request, shaper

    def __call__(self, raw: bytes, said: str) -> str | None:
        """The line for the recipe, or None when the server speaks of something else."""
        named = list(_named(raw))
        text = " ".join([said, *named])
        is_refusal = _NEVER.search(said) or (_PERHAPS.search(said) and not _SIZE.search(said))
        if not (named or is_refusal) or (_SIZE.search(said) and not (named and _NEVER.search(said))):
            return None
        found = self._line(text, set(re.findall(r"[A-Za-z_]+", " ".join(named))))
        return found and f"write into the recipe: llm: {{wire: {{{found}}}}} (docs/servers.md); then run again."

    def _line(self, text: str, named: set[str]) -> str | None:
        wire = self._shaper.wire
        body = self._shaper.body(self._request, "")
        words = set(re.findall(r"[A-Za-z_]+", text))
        format_sent = body.get("response_format") or {}
        if format_sent.get("type") == "json_schema":
            schema = format_sent["json_schema"]["schema"]
            keywords = sorted(words & set(get_args(Keyword)) & _keywords(schema))
            if keywords:
                return f"schema_omit: [{', '.join([*wire.schema_omit, *keywords])}]"
        if format_sent and words & {
            "response_format",
            "json_schema",
            "guided_json",
            "structured_outputs",
            "text_format",
        }:
            is_schema = format_sent["type"] == "json_schema"
            other = "json_object" if is_schema and not _refuses_objects(text) else "none"
            return f"response_format: {other}"
        if wire.system == "role" and self._has_system() and _is_about_system(text, words, named):
            return "system: first_turn"
        fields = sorted(words & (body.keys() - {"model", "messages", "response_format"}))
        first = [name for name in fields if name in named] or fields
        return self._field(first[0], text, words) if first else None

    def _field(self, sent: str, text: str, words: set[str]) -> str | None:
        wire = self._shaper.wire
        name = next((ours for ours, theirs in wire.rename.items() if theirs == sent), sent)
        if name in self._request.sampling.extra:
            return None
        if name == "max_tokens":
            better = _INSTEAD.search(text)
            other = better.group(1) if better and better.group(1) != sent else "max_completion_tokens"
            return f"rename: {{max_tokens: {other}}}" if sent == "max_tokens" else None
        if name == "temperature" and "top_p" in words:  # one of the two; top_p says less
            name = "top_p"
        return f"omit: [{', '.join(dict.fromkeys([*wire.omit, name]))}]"

    def _has_system(self) -> bool:
        return any(message["role"] == "system" for message in self._request.messages)


def _is_about_system(text: str, words: set[str], named: set[str]) -> bool:
    return bool(_SYSTEM.search(text)) or "system" in named or ("role" in named and "system" in words)


def _refuses_objects(text: str) -> bool:
    """Whether the server names json_object only to refuse it, or takes nothing but text."""
    return re.search(r"must be\W+text\b|json_object\W+(?:is )?(?:not|un)", text, re.IGNORECASE) is not None


def _keywords(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set[str]().union(*(_keywords(item) for item in schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema).union(*(_keywords(child) for child in schema.values()))


def _named(raw: bytes) -> Iterator[str]:
    """The fields that an error body points at: OpenAI's `param`, the `loc` of FastAPI's list of details."""
    try:
        body = from_json(raw)
    except (ValueError, RecursionError):
        return
    waiting, left = [body], 200
    while waiting and left:
        left -= 1
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node[:20]
        elif isinstance(node, dict):
            for key, child in list(node.items())[:50]:
                if key in _PATHS and isinstance(child, str):
                    yield child[:200]
                elif key in _PATHS and isinstance(child, list):
                    yield ".".join(part for part in child[:10] if isinstance(part, str))[:200]
                elif isinstance(child, dict | list):
                    waiting.append(child)
