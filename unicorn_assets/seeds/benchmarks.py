"""Items of benchmarks from the files that a recipe names: text columns only, image columns are never read.

JSON lines, CSV, TSV and Parquet; a column may hold a list of options, or each option has one. Not here: looking for
items in texts (curation/leaks.py).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from unicorn_assets.curation.leaks import Item
from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.recipe import Benchmark, Recipe
from unicorn_assets.seeds.normalise import escaped
from unicorn_assets.seeds.sources import reading


def read_benchmarks(recipe: Recipe) -> tuple[list[Item], dict[str, str]]:
    """All items, and by benchmark a hash of its file and of how it is read."""
    items, hashes = list[Item](), dict[str, str]()
    for benchmark in recipe.benchmarks:
        with reading(recipe.locate(benchmark.path), escaped(benchmark.path)) as stream:
            data = stream.read()
        hashes[benchmark.name] = digest([hashlib.blake2b(data).hexdigest(), benchmark.model_dump(mode="json")], 8)
        items += _items(benchmark, _rows(benchmark, data))
    return items, hashes


def _rows(benchmark: Benchmark, data: bytes) -> list[dict[str, Any]]:
    columns = benchmark.columns
    wanted = [*columns.texts, *columns.options, *([columns.id] if columns.id else [])]
    shown = escaped(benchmark.path)
    kind = benchmark.format or _by_ending(benchmark)
    try:
        if kind == "parquet":
            have = list(pl.read_parquet_schema(io.BytesIO(data)))
        elif kind == "jsonl":
            rows = [json.loads(line) for line in data.decode("utf-8-sig").splitlines() if line.strip()]
            have = list(dict.fromkeys(name for row in rows for name in row))
        else:
            frame = pl.read_csv(io.BytesIO(data), separator="\t" if kind == "tsv" else ",", infer_schema=False)
            have = frame.columns
        if lacking := [name for name in wanted if name not in have]:
            known = ", ".join(escaped(name)[:40] for name in have[:20])
            raise UserError(
                f"{shown}: benchmark {benchmark.name!r}: there is no column {lacking[0]!r}",
                f"the columns are: {known}; set `columns` of the benchmark",
            )
        if kind == "jsonl":
            return rows
        if kind == "parquet":
            frame = pl.read_parquet(io.BytesIO(data), columns=list(dict.fromkeys(wanted)))
        return frame.rows(named=True)
    except (ValueError, TypeError, AttributeError, pl.exceptions.PolarsError) as error:
        words = " ".join(str(error).split())[:200]
        raise UserError(
            f"{shown}: benchmark {benchmark.name!r} cannot be read as {kind}: {escaped(words)}",
            "look at the file, or set the benchmark's `format`",
        ) from None


def _items(benchmark: Benchmark, rows: list[dict[str, Any]]) -> Iterator[Item]:
    columns = benchmark.columns
    for number, row in enumerate(rows, 1):
        texts = tuple(text for name in columns.texts for text in _strings(row.get(name)))
        options = tuple(text for name in columns.options for text in _strings(row.get(name)))
        item_id = str(row.get(columns.id)) if columns.id else str(number)
        if texts:
            yield Item(benchmark.name, item_id, texts, options)


def _strings(value: Any) -> list[str]:
    """The texts of a cell: one, or those of a list or of an object's values; numbers as they are written."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple | pl.Series):
        return [text for part in value for text in _strings(part)]
    text = "" if value is None or isinstance(value, bytes) else str(value).strip()
    return [text] if text else []


def _by_ending(benchmark: Benchmark) -> str:
    bare = benchmark.path.lower()
    for ending in (".gz", ".bz2", ".xz"):
        bare = bare.removesuffix(ending)
    endings = {"jsonl": "jsonl", "ndjson": "jsonl", "csv": "csv", "tsv": "tsv", "parquet": "parquet", "pq": "parquet"}
    kind = endings.get(bare.rpartition(".")[2])
    if kind is None:
        raise UserError(
            f"benchmark {benchmark.name!r}: cannot tell the format of {escaped(benchmark.path)} by its ending",
            "set the benchmark's `format`: jsonl, csv, tsv or parquet",
        )
    return kind
