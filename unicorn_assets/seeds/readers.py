"""From a source of the recipe to its rows and faults, in file order; memory does not grow with the file."""

from collections.abc import Iterable, Iterator
from itertools import islice

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe, Source
from unicorn_assets.redaction import identify
from unicorn_assets.seeds.csv_table import read_csv
from unicorn_assets.seeds.jsonl import read_jsonl
from unicorn_assets.seeds.lines import Line, read_lines
from unicorn_assets.seeds.normalise import escaped
from unicorn_assets.seeds.parquet import read_parquet
from unicorn_assets.seeds.rows import Fault, Row
from unicorn_assets.seeds.sources import reading
from unicorn_assets.seeds.templates import read_labels, read_templates

ENDINGS = {
    ".txt": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zstd", ".lz4")
"""The last three are named as what they are when the file is read."""


def read_source(recipe: Recipe, source: Source) -> Iterator[Row | Fault]:
    """The first `max_rows` rows of a source, good and bad. A fault of the whole file is a UserError."""
    if source.labels is not None and source.templates is not None:
        return islice(_from_labels(recipe, source, source.labels, source.templates), source.max_rows)
    assert source.path is not None, "a source has a path or labels"
    return islice(_from_file(recipe, source, source.path), source.max_rows)


def shown_file(source: Source) -> str:
    """The file that row numbers count in, as the recipe writes it, but for passwords and signatures."""
    return escaped(identify(source.path or source.labels or ""))


def _from_file(recipe: Recipe, source: Source, path: str) -> Iterator[Row | Fault]:
    kind = source.format or _by_ending(source, path)
    shown = escaped(path)
    with reading(recipe.locate(path), shown, unpack=kind != "parquet") as stream:
        if kind == "parquet":
            yield from read_parquet(source, stream, shown)
            return
        lines = read_lines(stream, source.encoding, shown)
        if kind == "csv":
            yield from read_csv(source, lines, shown)
        elif kind == "jsonl":
            # Every line is a row, so the limit holds before parsing too; the reader then knows where the file ends.
            yield from read_jsonl(source, islice(lines, source.max_rows), shown)
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


def _by_ending(source: Source, path: str) -> str:
    bare = path.lower()
    for ending in _PACKED:
        bare = bare.removesuffix(ending)
    for ending, kind in ENDINGS.items():
        if bare.endswith(ending):
            return kind
    raise UserError(
        f"source {source.name!r}: cannot tell the format of {escaped(path)} by its ending",
        "set the source's `format`: text, jsonl, csv or parquet",
    )
