"""JSON answers: from text to a validated pydantic model, or to a short sentence that says what is wrong.

The server constrains the answer by the schema where it can; this is the second look. Text that is no JSON gets one
repair (mending.py), which is logged and counted, and is validated like any other answer. Not here: what a model's
fields must say; those are the stages' gates.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from unicorn_assets.generation.mending import Unreadable, mended
from unicorn_assets.llm.request import Schema
from unicorn_assets.llm.row import Rejected, unheard

MOST_ERRORS = 1000
"""Errors of one validation that are looked at; pydantic makes a dict, with the input, of each."""

log = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Parsed(Generic[M]):
    """A validated value, and whether the model did not close its JSON: then `value` holds the objects that it did
    close.
    """

    value: M
    cut: bool = False


def parse(text: str, model: type[M], on_repair: Callable[[], None] = unheard) -> Parsed[M]:
    """Validate a JSON answer; raises Rejected (`not_json`, `schema_mismatch`, `cut_off`), told as for a re-ask. Calls
    `on_repair` if it had to be mended first.
    """
    try:
        return Parsed(model.model_validate_json(text))
    except ValidationError as error:
        if not _is_syntax(error):
            raise Rejected("schema_mismatch", problem_text(error)) from error
    found = _repair(text, model)
    on_repair()
    return found


def _repair(text: str, model: type[M]) -> Parsed[M]:
    if "{" not in text and "[" not in text:
        raise Rejected("not_json", "The answer is not JSON. Answer with one JSON object and nothing else.")
    first: Rejected | None = None
    try:
        for found in mended(text):
            try:
                value = model.model_validate_json(found.json)
            except ValidationError as error:
                first = first or Rejected("cut_off" if found.cut else "not_json", _read_leniently(error, found.cut))
                continue
            log.info("repaired the JSON of an answer of %d characters", len(text))
            return Parsed(value, found.cut)
    except Unreadable as error:
        if error.cut and first is None:
            first = Rejected("cut_off", "The answer ends before its JSON is closed. Write less.")
    raise first or Rejected("not_json", "The answer is not valid JSON. Answer with one JSON object and nothing else.")


def _read_leniently(error: ValidationError, cut: bool) -> str:
    if cut:
        return f"The answer ends before its JSON is closed, and what is whole of it: {problem_text(error)}"
    if _is_syntax(error):
        return "The answer is not valid JSON. Answer with one JSON object and nothing else."
    return f"The answer is not valid JSON, and read leniently: {problem_text(error)}"


def problem_text(error: ValidationError, most: int = 3) -> str:
    """The first problems of a validation as one line: field path, message, and the offending value in short."""
    if error.error_count() > MOST_ERRORS:
        return f"{error.error_count():,} parts of the answer are not as the schema wants them"
    problems = []
    for entry in error.errors(include_url=False, include_context=False)[:most]:
        where = ".".join(str(step) for step in entry["loc"]) or "the answer"
        given = "" if entry["type"] == "missing" else f" (got {_short(entry['input'])})"
        problems.append(f"{where}: {entry['msg']}{given}")
    more = error.error_count() - len(problems)
    return "; ".join(problems) + (f"; and {more} more" if more > 0 else "")


def schema_of(model: type[BaseModel]) -> Schema:
    """The JSON schema to send: the model's own, without titles and descriptions, with nothing extra allowed."""
    return Schema(_strict(model.model_json_schema()))


def _strict(node: Any, inside_properties: bool = False) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    if inside_properties:  # keys are field names here, so a field called "title" stays
        return {name: _strict(child) for name, child in node.items()}
    kept = {
        name: child
        if name in ("enum", "const", "default", "required")
        else _strict(child, name in ("properties", "$defs"))
        for name, child in node.items()
        if name not in ("title", "description")
    }
    if kept.get("type") == "object" and "properties" in kept:
        kept.setdefault("additionalProperties", False)
    return kept


def _is_syntax(error: ValidationError) -> bool:
    return error.error_count() == 1 and error.errors(include_url=False)[0]["type"] == "json_invalid"


def _short(value: Any, limit: int = 60) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else text[:limit] + "..."
