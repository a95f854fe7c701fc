"""The lake as an analyst sees it: a DuckDB view for each table, and views of journal, releases, verdicts and shards.

Every query gets a connection of its own that can do nothing but read. Here: the views, and one query. Not here: the
tables' views (lake/query.py), the fence and its bounds (lake/browse.py), printing.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from unicorn_assets.errors import UserError
from unicorn_assets.graph import ASSETS, RELEASES, VECTORS
from unicorn_assets.lake.browse import MEMORY_BYTES, select, words_for_errors
from unicorn_assets.lake.query import add_table, connect, fence
from unicorn_assets.lake.released import latest_release, records_sql, release_folder, release_manifest, release_versions
from unicorn_assets.lake.schemas import TABLES, TURN, Column
from unicorn_assets.lake.shards import shard_info
from unicorn_assets.lake.store import ALL, Lake
from unicorn_assets.lake.verdicts import FOLDER, read_verdict
from unicorn_assets.llm.journal.reading import answers
from unicorn_assets.llm.journal.store import store_at
from unicorn_assets.llm.request import Answer
from unicorn_assets.seals import Damaged

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

COMMAND = "unicorn sql"
ANSWERS_AT_A_TIME = 50_000
THREADS = 8
_RECORDS = "releases/"
_TEXT = ("id", "caption", "seed_id", "source", "domain", "instruction_id", "task", "model", "prompt_version",
         "request_hash", "shard")  # fmt: skip

Columns = dict[str, Column]


@dataclass(frozen=True)
class View:
    """One view: its name, what a row of it is, and its columns."""

    name: str
    about: str
    columns: Columns


EXTRA: dict[str, tuple[str, Columns]] = {
    "journal": (
        "One answer of an LLM; a query that names it first reads all of them, about half a minute for a million.",
        {
            "key": Column(pl.String, "journal key, the request_hash of tables"),
            "text": Column(pl.String, "the answer as it came"),
            "finish_reason": Column(pl.String, "as the server gave it"),
            "prompt_tokens": Column(pl.Int64, "as the server counted"),
            "completion_tokens": Column(pl.Int64, "likewise"),
            "cached_tokens": Column(pl.Int64, "prompt tokens that the server had in its cache"),
            "seconds": Column(pl.Float64, "of the last attempt"),
            "attempts": Column(pl.Int64, "HTTP requests"),
            "model": Column(pl.String, "as the server called itself"),
        },
    ),
    "releases": (
        "One release.",
        {
            "asset": Column(pl.String, "name of the release"),
            "version": Column(pl.String, "hash of what went in"),
            "latest": Column(pl.Boolean, "whether LATEST points to it"),
            "rows": Column(pl.Int64, "records"),
            "dimension": Column(pl.Int64, "numbers of a vector"),
            "shards": Column(pl.Int64, "shards that went in"),
            "recipe": Column(pl.String, "name of the recipe"),
            "recipe_hash": Column(pl.String, "hash of what shapes the data"),
        },
    ),
    "records": (
        "One record of one release.",
        {
            "asset": Column(pl.String, "name of the release"),
            "version": Column(pl.String, "of the release"),
            "record": Column(pl.Int64, "number in the release, from 0"),
            **dict.fromkeys(_TEXT, Column(pl.String, "as in the release's Parquet file")),
            "words": Column(pl.Int32, "likewise"),
            "pairs": Column(pl.Int32, "likewise"),
            "conversations": Column(pl.List(TURN), "likewise"),
        },
    ),
    "verdicts": (
        "What one check found in one shard; a shard that all checks passed is one row without a check.",
        {
            "asset": Column(pl.String, "asset that was judged"),
            "shard": Column(pl.String, "partition key"),
            "content": Column(pl.String, "hash of the rows that were judged"),
            "check": Column(pl.String, "name of a check that failed, else null"),
            "broken_rows": Column(pl.Int64, "rows that break it"),
            "blocks": Column(pl.Boolean, "whether nothing may be built on the shard"),
            "first": Column(pl.String, "the first such row, in a line"),
        },
    ),
    "shards": (
        "One shard of one asset, as its file describes itself.",
        {
            "asset": Column(pl.String, "table or vectors"),
            "shard": Column(pl.String, "partition key, 'all' for one over all shards"),
            "rows": Column(pl.Int64, "rows"),
            "quarantined": Column(pl.Int64, "rows that its maker refused"),
            "content": Column(pl.String, "hash of the rows"),
            "recipe": Column(pl.String, "name of the recipe that made it"),
            "code_version": Column(pl.String, "of what made it"),
            "parents": Column(pl.String, "JSON: what it was made of, with content hashes"),
        },
    ),
}
"""Views beside the tables."""


def views() -> list[View]:
    """All views, tables first; those of the lake's tables have a column `shard` besides the table's own."""
    shard = {"shard": Column(pl.String, "partition key of the row")}
    known = {name: ASSETS[name].about if name in ASSETS else _OTHERS[name] for name in TABLES}
    tables = [View(name, known[name], {**columns, **shard}) for name, columns in TABLES.items()]
    return [*tables, *(View(name, about, columns) for name, (about, columns) in EXTRA.items())]


_OTHERS = {
    "quarantine": "One row that a stage refused, with its reason.",
    "ledger": "One making of one shard that asked an LLM, and what it cost.",
}


def query(lake: Lake, sql: str) -> pl.DataFrame:
    """The rows of one SELECT over the views that it names. UserError for anything else, for a query that fails, takes
    too long or gives too much, and for views that there are none of.
    """
    named = {view.name for view in views() if re.search(rf"\b{view.name}\b", sql, re.IGNORECASE)}
    tables = [name for name in TABLES if name in named]
    with tempfile.TemporaryDirectory(prefix="unicorn-sql-") as folder, _words(), connect(lake, tables=tables) as open_:
        for name in named - set(tables):
            _OPENED[name](open_, lake, folder)
        fence(open_, lake, MEMORY_BYTES, ("tables/", _RECORDS), folder)
        return select(open_, sql.strip().removesuffix(";"), COMMAND)


@contextmanager
def _words() -> Iterator[None]:
    """Errors in words, with the nearest view for a name that is none."""
    try:
        with words_for_errors(COMMAND):
            yield
    except UserError as told:
        found = re.search(r"Table with name (\S+) does not exist", told.message)
        if found is None:
            raise
        names = [view.name for view in views()]
        near = get_close_matches(found[1].lower(), names, 1)
        hint = f"did you mean {near[0]}?" if near else f"the views are {', '.join(names)}"
        raise UserError(f"there is no view {found[1]!r}", hint) from None


# ---- the views beside the tables


def _table(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={column: each.dtype for column, each in EXTRA[name][1].items()})


def _journal(connection: "Connection", lake: Lake, folder: str) -> None:
    """Answers travel through files, for all of them are more than memory may hold."""
    names = [each.name for each in fields(Answer) if each.name in EXTRA["journal"][1]]
    kept = (tuple(getattr(answer, name) for name in names) for answer in answers(_store(lake)))
    schema = {name: EXTRA["journal"][1][name].dtype for name in names}
    paths: list[str] = []
    while some := list(islice(kept, ANSWERS_AT_A_TIME)):
        path = Path(folder) / f"journal-{len(paths)}.parquet"
        pl.DataFrame(some, schema=schema, orient="row").write_parquet(path)
        paths.append(f"'{path}'")
    if paths:
        connection.execute(f"CREATE VIEW journal AS FROM read_parquet([{', '.join(paths)}])").fetchall()
    else:
        add_table(connection, "journal", _table("journal", []))


def _store(lake: Lake) -> Any:
    return store_at(lake.url, "journal", lake.storage_options or None)


def _manifests(lake: Lake) -> Iterator[dict[str, Any]]:
    for asset in RELEASES:
        for version in release_versions(lake, asset):
            try:
                yield release_manifest(lake, asset, version)
            except Damaged as damage:
                lake.report(damage.name, damage.reason)


def _releases(connection: "Connection", lake: Lake, _folder: str) -> None:
    rows = [
        {
            "asset": manifest["asset"], "version": manifest["version"], "rows": manifest["rows"],
            "latest": latest_release(lake, manifest["asset"]) == manifest["version"],
            "dimension": manifest["dimension"], "recipe": manifest["recipe"]["name"],
            "shards": len({parent.rsplit("/", 1)[-1] for parent in manifest["parents"]}),
            "recipe_hash": manifest["recipe"]["hash"],
        }
        for manifest in _manifests(lake)
    ]  # fmt: skip
    add_table(connection, "releases", _table("releases", rows))


def _records(connection: "Connection", lake: Lake, _folder: str) -> None:
    add_table(connection, "no_records", _table("records", []))
    parts = ["FROM no_records"]
    for manifest in _manifests(lake):
        records = records_sql(lake.files, release_folder(manifest["asset"], manifest["version"]), manifest)
        named = f"'{manifest['asset']}' AS asset, '{manifest['version']}' AS version, number AS record"
        rows = f"SELECT {named}, * EXCLUDE (number) FROM {records}"
        parts.append(rows)
    connection.execute(f"CREATE VIEW records AS {' UNION ALL BY NAME '.join(parts)}").fetchall()


def _verdicts(connection: "Connection", lake: Lake, _folder: str) -> None:
    def read(name: str) -> list[dict[str, Any]]:
        asset, shard = name.removesuffix(".json").split("/", 1)
        try:
            verdict = read_verdict(lake.files.read(f"{FOLDER}/{name}"))
        except (FileNotFoundError, IsADirectoryError, ValueError):  # then the shard counts as not judged
            return []
        row = {"asset": asset, "shard": shard, "content": verdict.content}
        broken = [
            {**row, "check": check, "broken_rows": found.rows, "blocks": found.blocks, "first": found.first}
            for check, found in verdict.broken.items()
        ]
        return broken or [row]

    names = lake.files.walk(FOLDER, ".json")
    with ThreadPoolExecutor(THREADS) as pool:
        rows = [row for found in pool.map(read, names) for row in found]
    add_table(connection, "verdicts", _table("verdicts", rows))


def _shards(connection: "Connection", lake: Lake, _folder: str) -> None:
    def read(place: tuple[str, str]) -> dict[str, Any] | None:
        info = shard_info(lake, *place)
        if info is None:
            return None
        refused = sum(info.extra.get("quarantined", {}).values())
        return {
            "asset": place[0], "shard": place[1], "rows": info.rows, "quarantined": refused, "content": info.content,
            "recipe": info.made.recipe, "code_version": info.made.code_version,
            "parents": json.dumps(dict(info.made.parents), sort_keys=True),
        }  # fmt: skip

    kept = [asset for asset in ASSETS if asset in TABLES or asset in VECTORS]
    places = [(asset, shard) for asset in kept for shard in _shards_of(lake, asset)]
    with ThreadPoolExecutor(THREADS) as pool:
        add_table(connection, "shards", _table("shards", [row for row in pool.map(read, places) if row]))


def _shards_of(lake: Lake, asset: str) -> list[str]:
    if not ASSETS[asset].by_shard:
        return [ALL]
    return lake.vector_shards(asset) if asset in VECTORS else lake.shards(asset)


_OPENED: dict[str, Callable[["Connection", Lake, str], None]] = {
    "journal": _journal, "releases": _releases, "records": _records, "verdicts": _verdicts, "shards": _shards,
}  # fmt: skip
