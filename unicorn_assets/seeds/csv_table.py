"""CSV: a header, then records; comma, semicolon or tab, found from the header.

A record that cannot be parsed costs its own line only: reading goes on with the next line, also when a quote was never
closed. The parsing itself is the standard library's.
"""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Source
from unicorn_assets.seeds.columns import missing_column, plain_name, wanted_columns
from unicorn_assets.seeds.lines import CUT, MAX_LINE_CHARS, Line, cut_fault
from unicorn_assets.seeds.normalise import escaped
from unicorn_assets.seeds.rows import Fault, Row

MAX_RECORD_LINES = 20_000
_DELIMITERS = (",", ";", "\t")
_EXCEL = re.compile(r'"?sep=([,;\t|])"?', re.IGNORECASE)


class _Record(NamedTuple):
    number: int
    fields: list[str]
    raw: str
    cut: bool = False


def read_csv(source: Source, lines: Iterable[Line], shown: str) -> Iterator[Row | Fault]:
    """Rows of a CSV file; a mapped column that the header lacks is a UserError."""
    # The module's own limit of 131,072 would refuse a row for a picture in a column that nobody wants.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_CHARS + MAX_RECORD_LINES))
    source_lines = _Lines(iter(lines))
    header, delimiter = _header(source, source_lines, shown)
    places = {role: _place(source, header, column, shown) for role, column in wanted_columns(source).items()}
    text, domain, label = (places.get(role) for role in ("text", "domain", "label"))
    assert text is not None, "the text column is always mapped"
    for record in _records(source_lines, delimiter):
        if isinstance(record, Fault):
            yield record
            continue
        number, fields, raw, cut = record
        if not any(fields):
            yield Fault(number, "blank", "empty line", raw)
        elif len(fields) != len(header):
            detail = f"{len(fields)} fields, the header has {len(header)}; a text that holds {delimiter!r} needs quotes"
            yield Fault(number, "ragged_row", detail, raw)
        elif cut and CUT in fields[text]:
            yield cut_fault(number, fields[text])
        else:
            yield Row(
                number,
                fields[text],
                None if domain is None else fields[domain],
                None if label is None else fields[label],
            )


class _Reading(NamedTuple):
    names: list[str]
    delimiter: str
    height: int


class _Lines:
    """Lines that can be taken back, for those that a broken record had swallowed."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._waiting: deque[Line] = deque()
        self.taken: list[Line] = []

    def record(self) -> Iterator[str]:
        """The lines of one record as the csv module asks for them; `taken` has them afterwards."""
        self.taken = []
        chars = 0
        while (line := self._waiting.popleft() if self._waiting else next(self._lines, None)) is not None:
            self.taken.append(line)
            chars += len(line.text)
            if line.too_long or chars > MAX_LINE_CHARS or len(self.taken) > MAX_RECORD_LINES:
                raise csv.Error("a quote that is never closed")
            yield line.text + "\n"

    def back(self, lines: list[Line]) -> None:
        """Give `lines` once more."""
        self._waiting.extendleft(reversed(lines))

    def skip_preamble(self) -> str:
        """Leave out empty lines and Excel's `sep=;` before the header; the delimiter that it says, or nothing."""
        said = ""
        while (line := next(self._lines, None)) is not None:
            excel = _EXCEL.fullmatch(line.text) if not line.incomplete and not said else None
            if excel is None and line.text.strip():
                self.back([line])
                break
            said = excel[1] if excel else said
        return said

    def drop(self, count: int) -> None:
        """Leave out the next lines, which have been given back."""
        for _ in range(count):
            self._waiting.popleft()


def _header(source: Source, lines: _Lines, shown: str) -> tuple[list[str], str]:
    """Column names and the delimiter under which the header has the wanted text column; takes the header's lines."""
    wanted = plain_name(source.columns.text)
    said = lines.skip_preamble()
    readings = [_reading(lines, delimiter, shown) for delimiter in (said or _DELIMITERS)]
    # Without the column the delimiter that finds most names is the likeliest.
    best = max(filter(None, readings), key=lambda reading: (wanted in reading.names, len(reading.names)), default=None)
    if best is None or (None in readings and wanted not in best.names):
        raise UserError(f"{shown}:1: the header cannot be read: a quote is not closed", "look at its quotes")
    lines.drop(best.height)
    return best.names, best.delimiter


def _reading(lines: _Lines, delimiter: str, shown: str) -> _Reading | None:
    """The header under a delimiter; leaves the lines where they are."""
    for strict in (True, False):
        try:
            names = next(csv.reader(lines.record(), delimiter=delimiter, strict=strict), [])
        except csv.Error:
            names = None
        height = len(lines.taken)
        lines.back(lines.taken)
        if lines.taken and lines.taken[0].incomplete:
            raise UserError(f"{shown}:1: the header has more than {MAX_LINE_CHARS:,} characters", "is this a CSV file?")
        # `"id" ,text` has a space too many, but only a header of one line may be read so: the quotes are not to trust.
        if names is not None and (strict or height == 1):
            return _Reading([plain_name(name) for name in names], delimiter, height)
    return None


def _place(source: Source, header: list[str], column: str, shown: str) -> int:
    name = plain_name(column)
    if name not in header:
        raise missing_column(source, column, header, f"{shown}:1")
    if header.count(name) > 1:
        raise UserError(f"{shown}:1: the header has {name!r} {header.count(name)} times", "rename one of them")
    return header.index(name)


def _records(lines: _Lines, delimiter: str) -> Iterator[_Record | Fault]:
    while True:
        try:
            fields = next(csv.reader(lines.record(), delimiter=delimiter, strict=True))
        except StopIteration:
            return
        except csv.Error as error:
            first, *others = lines.taken
            lines.back(others)
            yield first.fault() if first.too_long else Fault(first.number, "malformed_csv", _said(error), first.text)
        else:
            taken = lines.taken
            raw = "\n".join(line.text for line in taken) if len(taken) > 1 else taken[0].text
            yield _Record(taken[0].number, fields, raw, any(line.cut for line in taken))


def _said(error: csv.Error) -> str:
    """The csv module's words, where they would not help, in better ones."""
    return "a quote that is never closed" if "unexpected end of data" in str(error) else escaped(str(error))
