"""JSON Lines: one object a line, keys by the column mapping."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Source
from unicorn_assets.seeds.columns import missing_column, wanted_columns
from unicorn_assets.seeds.lines import CUT, Line, cut_fault
from unicorn_assets.seeds.normalise import damage
from unicorn_assets.seeds.rows import Fault, Row

PATIENCE = 1000
"""A key that no object among so many has is a wrong mapping, not a fault of these rows."""


def read_jsonl(source: Source, lines: Iterable[Line], shown: str) -> Iterator[Row | Fault]:
    """Rows of a JSONL file; a key that no object has is a UserError."""
    wanted = set(wanted_columns(source).values())
    unseen, known, objects = set(wanted), dict[str, None](), 0
    first_object = 1
    begun = False
    for line in lines:
        if line.too_long:
            yield line.fault()
            continue
        if not begun and (start := line.text.strip()):
            begun = True
            _check_lines_of_objects(start, f"{shown}:{line.number}")
        value = _object(line, wanted)
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


def _check_lines_of_objects(start: str, where: str) -> None:
    """`start`: the first line with anything in it."""
    if start.startswith("["):
        raise UserError(f"{where}: this is one JSON array, not JSONL", "write one object a line: jq -c '.[]'")
    if start == "{":
        raise UserError(f"{where}: this is JSON over several lines, not JSONL", "write one object a line: jq -c .")


def _object(line: Line, wanted: set[str]) -> dict[str, Any] | Fault:
    if not line.text.strip():
        return Fault(line.number, "blank", "empty line", line.text)
    try:
        value = _DECODER.decode(line.text)
    except json.JSONDecodeError as error:
        if "\0" in line.text:
            return Fault(line.number, "undecodable", str(damage(line.text)), line.text)
        where = f" at character {error.pos + 1}"
        return Fault(line.number, "malformed_json", error.msg + where, line.text)
    except (ValueError, RecursionError) as error:
        return Fault(line.number, "malformed_json", str(error), line.text)
    if not isinstance(value, dict):
        return Fault(line.number, "malformed_json", f"{_kind(value)}, not an object", line.text)
    if isinstance(value, _Twice) and (twice := sorted(value.names & wanted)):
        return Fault(line.number, "malformed_json", f"the key {twice[0]!r} stands in it more than once", line.text)
    return value


class _Twice(dict[str, Any]):
    """An object some of whose keys, `names`, stand in it more than once."""

    names: frozenset[str] = frozenset()


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    keys = [key for key, _ in pairs]
    repeated = _Twice(value)
    repeated.names = frozenset(key for key in value if keys.count(key) > 1) if len(keys) < 1000 else frozenset(value)
    return repeated


def _int(digits: str) -> int | float:
    # Python refuses to convert longer ones; no key of ours needs their value.
    return int(digits) if len(digits) <= 4000 else float(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_int)


def _row(source: Source, line: Line, value: dict[str, Any]) -> Row | Fault:
    columns = source.columns
    text = value.get(columns.text)
    if text is None:
        why = "is null" if columns.text in value else "is not among the keys"
        return Fault(line.number, "missing_value", f"{columns.text!r} {why}", line.text)
    if not isinstance(text, str):
        return Fault(line.number, "not_text", f"{columns.text!r} is {_kind(text)}", line.text)
    if line.cut and CUT in text:
        return cut_fault(line.number, text)
    try:
        return Row(line.number, text, _optional(value, columns.domain), _optional(value, columns.label))
    except RecursionError:
        return Fault(line.number, "malformed_json", "its domain or label is nested too deeply", line.text)


def _kind(value: Any) -> str:
    kinds = ((bool, "true or false"), (int | float, "a number"), (str, "a text"), (list, "a list"), (dict, "an object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def _optional(value: dict[str, Any], column: str | None) -> str | None:
    found = value.get(column) if column else None
    return None if found is None else str(found)
