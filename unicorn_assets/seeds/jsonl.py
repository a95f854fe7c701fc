"""JSON Lines: one object a line, keys by the column mapping."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Source
from unicorn_assets.seeds.columns import missing_column, wanted_columns
from unicorn_assets.seeds.lines import Line
from unicorn_assets.seeds.rows import Fault, Row

PATIENCE = 1000
"""A key that no object among so many has is a wrong mapping, not a fault of these rows."""


def read_jsonl(source: Source, lines: Iterable[Line], shown: str) -> Iterator[Row | Fault]:
    """Rows of a JSONL file; a key that no object has is a UserError."""
    unseen, known, objects = set(wanted_columns(source).values()), dict[str, None](), 0
    first_object = 1
    for line in lines:
        if line.too_long:
            yield line.fault()
            continue
        if line.number == 1 and line.text.lstrip().startswith("["):
            raise UserError(f"{shown}:1: this is one JSON array, not JSONL", "write one object a line: jq -c '.[]'")
        value = _object(line)
        if isinstance(value, Fault):
            yield value
            continue
        objects += 1
        if unseen:
            first_object = first_object if known else line.number
            known.update(dict.fromkeys(list(value)[:100]))
            unseen.difference_update(value)
            if objects == PATIENCE and source.columns.text in unseen:
                break
        yield _row(source, line, value)
    if objects and unseen:
        text = source.columns.text
        column = text if text in unseen else min(unseen)
        raise missing_column(source, column, known, f"{shown}:{first_object}")


def _object(line: Line) -> dict[str, Any] | Fault:
    if not line.text.strip():
        return Fault(line.number, "blank", "empty line", line.text)
    try:
        value = json.loads(line.text)
    except (ValueError, RecursionError) as error:
        return Fault(line.number, "malformed_json", str(error), line.text)
    if not isinstance(value, dict):
        return Fault(line.number, "malformed_json", f"a {type(value).__name__}, not an object", line.text)
    return value


def _row(source: Source, line: Line, value: dict[str, Any]) -> Row | Fault:
    columns = source.columns
    text = value.get(columns.text)
    if text is None:
        why = "is null" if columns.text in value else "is not among the keys"
        return Fault(line.number, "missing_value", f"{columns.text!r} {why}", line.text)
    if not isinstance(text, str):
        return Fault(line.number, "not_text", f"{columns.text!r} is a {type(text).__name__}", line.text)
    return Row(line.number, text, _optional(value, columns.domain), _optional(value, columns.label))


def _optional(value: dict[str, Any], column: str | None) -> str | None:
    found = value.get(column) if column else None
    return None if found is None else str(found)
