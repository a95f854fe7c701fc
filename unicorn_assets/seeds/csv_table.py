"""CSV: a header, then records; comma, semicolon or tab, found from the header.

A record that cannot be parsed costs its own line only: reading goes on with the next line, also when a quote was never
closed. The parsing itself is the standard library's.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Source
from unicorn_assets.seeds.columns import missing_column, wanted_columns
from unicorn_assets.seeds.lines import MAX_LINE_CHARS, Line
from unicorn_assets.seeds.rows import Fault, Row

MAX_RECORD_LINES = 1000


class _Record(NamedTuple):
    number: int
    fields: list[str]
    raw: str


def read_csv(source: Source, lines: Iterable[Line], shown: str) -> Iterator[Row | Fault]:
    """Rows of a CSV file; a mapped column that the header lacks is a UserError."""
    lines = iter(lines)
    header, delimiter = _header(source, next(lines, Line(1, "")), shown)
    places = {role: _place(source, header, column, shown) for role, column in wanted_columns(source).items()}
    text, domain, label = (places.get(role) for role in ("text", "domain", "label"))
    assert text is not None, "the text column is always mapped"
    for record in _records(lines, delimiter):
        if isinstance(record, Fault):
            yield record
            continue
        number, fields, raw = record
        if not any(fields):
            yield Fault(number, "blank", "empty line", raw)
        elif len(fields) != len(header):
            detail = f"{len(fields)} fields, the header has {len(header)}; a text that holds {delimiter!r} needs quotes"
            yield Fault(number, "ragged_row", detail, raw)
        else:
            yield Row(
                number,
                fields[text],
                None if domain is None else fields[domain],
                None if label is None else fields[label],
            )


def _header(source: Source, line: Line, shown: str) -> tuple[list[str], str]:
    """Column names and the delimiter under which the header has the wanted text column."""
    if line.too_long:
        raise UserError(f"{shown}:1: the header has more than {MAX_LINE_CHARS:,} characters", "is this a CSV file?")
    readings = [(_split(line.text, delimiter), delimiter) for delimiter in (",", ";", "\t")]
    for names, delimiter in readings:
        if source.columns.text in names:
            return names, delimiter
    return max(readings, key=lambda reading: len(reading[0]))


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _place(source: Source, header: list[str], column: str, shown: str) -> int:
    if column not in header:
        raise missing_column(source, column, header, f"{shown}:1")
    if header.count(column) > 1:
        raise UserError(f"{shown}:1: the header has {column!r} {header.count(column)} times", "rename one of them")
    return header.index(column)


def _records(lines: Iterator[Line], delimiter: str) -> Iterator[_Record | Fault]:
    waiting: deque[Line] = deque()  # lines that a broken record had swallowed
    taken: list[Line] = []

    def feed() -> Iterator[str]:
        chars = 0
        while (line := waiting.popleft() if waiting else next(lines, None)) is not None:
            taken.append(line)
            chars += len(line.text)
            if line.too_long or chars > MAX_LINE_CHARS or len(taken) > MAX_RECORD_LINES:
                raise csv.Error("a quote that is never closed")
            yield line.text + "\n"

    while True:
        taken.clear()
        try:
            fields = next(csv.reader(feed(), delimiter=delimiter, strict=True))
        except StopIteration:
            return
        except csv.Error as error:
            first, *others = taken
            waiting.extendleft(reversed(others))
            yield first.fault() if first.too_long else Fault(first.number, "malformed_csv", str(error), first.text)
        else:
            yield _Record(taken[0].number, fields, "\n".join(line.text for line in taken))
