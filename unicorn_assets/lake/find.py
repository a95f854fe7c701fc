"""Where a row with a given id is: which table and which shard. Scans id columns only.

Here: looking up, by whatever names a row: its id, its line in a source, its number in a release, its journal key. Not
here: walking from a row to its relatives (lineage.py).
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from unicorn_assets.errors import UserError
from unicorn_assets.graph import RELEASES, TASK_NAMES
from unicorn_assets.lake.query import connect, sound
from unicorn_assets.lake.released import latest_release, release_id, release_manifest
from unicorn_assets.lake.schemas import TABLES
from unicorn_assets.lake.store import Lake


@dataclass(frozen=True)
class Found:
    """A row's place, its own id, and the ids of its chain as far as the row's own table tells them."""

    kind: str  # seed, caption, instruction, quarantine or shard
    row_id: str
    shard: str
    seed_id: str | None = None
    caption_id: str | None = None
    instruction_id: str | None = None


# Kind of row, its table, the column of its id. The first letter of an id says which to ask first; the others follow, so
# that any id is found. All these tables are scanned by one column.
_LOOKUPS = {
    "s": ("seed", "seed_catalog", "seed_id"),
    "c": ("caption", "caption_drafts", "caption_id"),
    "i": ("instruction", "instructions", "instruction_id"),
    "captions": ("caption", "captions", "caption_id"),
    **{task: ("instruction", task, "instruction_id") for task in TASK_NAMES},
}
_IDS = ("seed_id", "caption_id", "instruction_id")
_NEAREST = """
    SELECT id FROM (
        SELECT seed_id AS id FROM seed_catalog UNION ALL SELECT caption_id FROM caption_drafts
        UNION ALL SELECT instruction_id FROM instructions
    ) WHERE starts_with(id, $1) OR levenshtein(id, $1) <= 5
    ORDER BY NOT starts_with(id, $1), levenshtein(id, $1), id LIMIT 3"""
_LINE = re.compile(r"(.+):(\d{1,18})", re.DOTALL)
_RECORD = re.compile(rf"({'|'.join(RELEASES)})(?:[@/]([0-9a-z]+))?:(\d{{1,18}})")
_SHARD = re.compile(r".+-\d{5}")
_KEY = re.compile(r"[0-9a-f]{32}")
AT_A_TIME = 64
"""Files that are proved and read at a time."""
_FILE = "file path"
FORMS = (
    "ids look like s0123456789abcdef (seed), c... (caption), i... (instruction); file.csv:12 (row of a source), "
    f"{RELEASES[0]}@VERSION:12 (record of a release), a shard and a journal key of 32 digits are found, too"
)


def find(lake: Lake, row_id: str) -> Found:
    """The place of a row; a UserError shows the nearest ids when there is none."""
    _require_folder(lake)
    record = _RECORD.fullmatch(row_id)
    if record:
        return _by_id(lake, _of_release(lake, *record.groups())) or _unknown(lake, row_id)
    shard = _by_shard(lake, row_id) if _SHARD.fullmatch(row_id) else None
    if shard:
        return shard
    line = _LINE.fullmatch(row_id)
    found = _look_up(lake, "seed", "seed_catalog", file=line[1], row=int(line[2])) if line else None
    return found or _by_id(lake, row_id) or _by_key(lake, row_id) or _unknown(lake, row_id)


def _by_id(lake: Lake, row_id: str) -> Found | None:
    for key in sorted(_LOOKUPS, key=lambda key: key != row_id[:1]):
        kind, table, column = _LOOKUPS[key]
        found = _look_up(lake, kind, table, **{column: row_id})
        if found:
            return replace(found, row_id=row_id)
    return _refused(lake, "row_id", row_id)


def _by_key(lake: Lake, key: str) -> Found | None:
    """The row that a journal's answer was the last one of."""
    if not _KEY.fullmatch(key):
        return None
    for table, kind in (("caption_drafts", "caption"), *((task, "instruction") for task in TASK_NAMES)):
        found = _look_up(lake, kind, table, request_hash=key)
        if found:
            return found
    return _refused(lake, "request_hash", key)


def _by_shard(lake: Lake, name: str) -> Found | None:
    return Found("shard", name, name) if name in lake.shards("seeds") else None


def _of_release(lake: Lake, asset: str, version: str | None, number: str) -> str:
    """The id of a release's record, by its number (from 0)."""
    version = version or latest_release(lake, asset)
    if version is None:
        raise UserError(f"the lake {lake.url} has no release {asset}", "`unicorn status` lists the releases")
    found = release_id(lake, asset, release_manifest(lake, asset, version), int(number))
    if found is None:
        raise UserError(f"release {asset} {version} has no record {int(number):,}", "records are counted from 0")
    return found


def _refused(lake: Lake, column: str, value: str) -> Found | None:
    query = f"SELECT row_id, shard, parent_id FROM quarantine WHERE {column} = $1 ORDER BY stage, shard, row_id LIMIT 1"
    with connect(lake, tables=("quarantine",)) as sql:
        refused = sql.execute(query, [value]).fetchone()
    if not refused:
        return None
    row_id, shard, parent = refused
    for kind, table, id_column in (_LOOKUPS["c"], _LOOKUPS["s"]) if parent else ():
        above = _look_up(lake, kind, table, **{id_column: parent})
        if above:
            return replace(above, kind="quarantine", row_id=row_id)
    return Found("quarantine", row_id, shard)


def _look_up(lake: Lake, kind: str, table: str, **where: Any) -> Found | None:
    row = (_in_files if lake.files.is_local else _by_sql)(lake, table, where)
    if row is None:
        return None
    found = Found(kind, "", *row)
    own = {"seed": found.seed_id, "caption": found.caption_id, "instruction": found.instruction_id}[kind]
    return replace(found, row_id=own or "")


def _in_files(lake: Lake, table: str, where: dict[str, Any]) -> tuple[Any, ...] | None:
    """Shard and ids of the first row that fits, on a local disk, where opening a database costs more than reading. No
    file far behind the row's is proved or read.
    """
    wanted = [pl.col(name) == value for name, value in where.items()]
    ids = [pl.col(name) if name in TABLES[table] else pl.lit(None, pl.String).alias(name) for name in _IDS]
    shard = pl.col("shard") if "shard" in TABLES[table] else pl.col(_FILE).str.extract(r"([^/]+)\.parquet$")
    paths = [lake.path(table, name) for name in lake.shards(table)]
    for start in range(0, len(paths), AT_A_TIME):
        files = [lake.files.url(path) for path in sound(lake, paths[start : start + AT_A_TIME])]
        if files:
            rows = pl.scan_parquet(
                files, glob=False, include_file_paths=_FILE, missing_columns="insert", extra_columns="ignore"
            )
            found = rows.filter(*wanted).select(shard.alias("shard"), *ids).collect().sort("shard", *_IDS)
            if found.height:
                return found.row(0)
    return None


def _by_sql(lake: Lake, table: str, where: dict[str, Any]) -> tuple[Any, ...] | None:
    """The same by DuckDB, which reads of a file on S3 only the columns that it needs."""
    columns = ", ".join(name if name in TABLES[table] else "NULL" for name in _IDS)
    condition = " AND ".join(f"{name} = ${name}" for name in where)
    with connect(lake, tables=(table,)) as sql:
        query = f"SELECT shard, {columns} FROM {table} WHERE {condition} ORDER BY ALL LIMIT 1"
        found: tuple[Any, ...] | None = sql.execute(query, where).fetchone()
    return found


def _unknown(lake: Lake, row_id: str) -> Found:
    near: list[str] = []
    if row_id:
        with connect(lake, tables=("seed_catalog", "caption_drafts", "instructions")) as sql:
            near = [row[0] for row in sql.execute(_NEAREST, [row_id]).fetchall()]
    hint = f"did you mean {' or '.join(near)}?" if near else FORMS
    if lake.damaged:
        names = ", ".join(sorted(lake.damaged)[:3]) + (" and more" if len(lake.damaged) > 3 else "")
        hint += f" Or it is in what is damaged: {names}; `unicorn run` makes that again"
    raise UserError(f"no row of the lake {lake.url} has the id {row_id!r}", hint)


def _require_folder(lake: Lake) -> None:
    """A lake that is a file has no rows; neither has one that is not there, but that is said by what is looked for."""
    if lake.files.is_local and Path(lake.url).is_file():
        raise UserError(f"the lake {lake.url} is a file, and not a folder", "give the lake's folder: --lake FOLDER")
