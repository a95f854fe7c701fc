"""From a source of the recipe to its rows and faults, in file order; memory does not grow with the file."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe, Source
from unicorn_assets.redaction import identify
from unicorn_assets.seeds.csv_table import read_csv
from unicorn_assets.seeds.jsonl import read_jsonl
from unicorn_assets.seeds.lines import Line, read_lines
from unicorn_assets.seeds.listing import File
from unicorn_assets.seeds.normalise import escaped
from unicorn_assets.seeds.parquet import read_parquet
from unicorn_assets.seeds.rows import Fault, Row
from unicorn_assets.seeds.sources import access_errors, reading
from unicorn_assets.seeds.templates import read_labels, read_templates

_TORN = frozenset({"malformed_json", "malformed_csv", "ragged_row"})
"""Faults of a last row that is there in part only."""


def read_source(recipe: Recipe, source: Source) -> Iterator[Row | Fault]:
    """The first `max_rows` rows of a source that is one file or made from labels, good and bad. A fault of the whole
    file is a UserError.
    """
    if source.labels is not None and source.templates is not None:
        return islice(_from_labels(recipe, source, source.labels, source.templates), source.max_rows)
    assert source.path is not None, "a source has a path or labels"
    file = File(recipe.locate(source.path), escaped(source.path))
    return islice(_from_file(source, file, source.max_rows), source.max_rows)


def read_file(source: Source, file: File) -> Iterator[Row | Fault]:
    """All rows of one file of a folder. One that has no rows, ends in the middle of one, or was written to meanwhile is
    a UserError at its end.
    """
    before, last = _writing(file), None
    for last in _from_file(source, file, None):
        yield last
    if _writing(file) != before:
        raise UserError(f"{file.shown}: somebody wrote to it while it was read", "run again when it is finished")
    if last is None:
        raise UserError(f"{file.shown}: it has no rows", "an empty file can be removed")
    if isinstance(last, Fault) and last.reason in _TORN and not _ends_a_line(file):
        raise UserError(f"{file.shown}: it ends in the middle of row {last.number}", "run again when it is finished")


def _writing(file: File) -> tuple[int, ...]:
    """What changes when somebody writes to a local file; objects are replaced whole."""
    if "://" in file.url:
        return ()
    with access_errors(file.shown):
        found = Path(file.url).stat()
        return found.st_size, found.st_mtime_ns, found.st_ino


def _ends_a_line(file: File) -> bool:
    if file.kind == "parquet" or file.url.endswith((".gz", ".bz2", ".xz")):  # know their ends
        return True
    with reading(file.url, file.shown, unpack=False) as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) in (b"\n", b"\r")


def shown_file(source: Source) -> str:
    """The file that row numbers count in, as the recipe writes it, but for passwords and signatures."""
    return escaped(identify(source.path or source.labels or ""))


def _from_file(source: Source, file: File, max_rows: int | None) -> Iterator[Row | Fault]:
    kind, shown = source.format or _by_ending(source, file), file.shown
    with reading(file.url, shown, unpack=kind != "parquet") as stream:
        if kind == "parquet":
            yield from read_parquet(source, stream, shown)
            return
        lines = read_lines(stream, source.encoding, shown)
        if kind == "csv":
            yield from read_csv(source, lines, shown)
        elif kind == "jsonl":
            # Every line is a row, so the limit holds before parsing too; the reader then knows where the file ends.
            yield from read_jsonl(source, islice(lines, max_rows), shown)
        else:
            yield from _read_text(lines)


def _read_text(lines: Iterable[Line]) -> Iterator[Row | Fault]:
    for line in lines:
        yield line.fault() if line.incomplete else Row(line.number, line.text)


def _from_labels(recipe: Recipe, source: Source, labels: str, templates: str) -> Iterator[Row | Fault]:
    shown = escaped(templates)
    with reading(recipe.locate(templates), shown) as stream:
        found = read_templates(read_lines(stream, source.encoding, shown), shown)
    shown = escaped(labels)
    with reading(recipe.locate(labels), shown) as stream:
        yield from read_labels(source, read_lines(stream, source.encoding, shown), found)


def _by_ending(source: Source, file: File) -> str:
    if file.kind is not None:
        return file.kind
    raise UserError(
        f"source {source.name!r}: cannot tell the format of {file.shown} by its ending",
        "set the source's `format`: text, jsonl, csv or parquet",
    )
