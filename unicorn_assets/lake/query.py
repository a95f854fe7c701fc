"""SQL over the lake: DuckDB views on shards, local or on S3, without DuckDB's downloaded extensions.

Here: connections with one view per table. Not here: the queries themselves (checks/sql, lineage).
"""

import io
import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import polars as pl

from unicorn_assets.graph import ASKING, REFUSING
from unicorn_assets.lake.files import Files
from unicorn_assets.lake.ledger import LEDGER, unfinished
from unicorn_assets.lake.schemas import TABLES, polars_schema
from unicorn_assets.lake.store import Lake

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

DATA_TABLES = tuple(table for table in TABLES if table != LEDGER)
"""What `connect` shows unless told otherwise. `ledger` costs requests of its own, so it is asked for by name."""


def open_sql(lake: Lake) -> "Connection":
    """An in-memory DuckDB that can read the lake's files; it asks our fsspec file system for those on S3."""
    import duckdb  # a third of a second that only queries should pay for

    connection = duckdb.connect()
    if not lake.files.is_local:
        connection.register_filesystem(lake.files.fs)
    return connection


def fence(
    connection: "Connection", lake: Lake, memory_bytes: int, folders: Sequence[str] = ("tables/",), own: str = ""
) -> None:
    """From now on the connection reads the lake's tables (`folders`) and nothing else; it cannot be undone. `own`: one
    more folder, on this machine.

    No other file, no network, no extensions, no variables of Python, no temporary files, no more memory and threads.
    """
    # DuckDB looks at a path both before and after it took wildcards out of it.
    plain = [*map(lake.files.url, folders), *([f"{own}/"] if own else [])]
    tables = ", ".join([parquet_files(lake, folders)[1:-1], *("'" + path.replace("'", "''") + "'" for path in plain)])
    for setting in (
        f"memory_limit = '{memory_bytes >> 20}MiB'", "threads = 2", "temp_directory = ''", "max_expression_depth = 250",
        "python_enable_replacements = false", "autoinstall_known_extensions = false",
        "autoload_known_extensions = false", f"allowed_directories = [{tables}]", "enable_external_access = false",
        "lock_configuration = true",
    ):  # fmt: skip
        connection.execute(f"SET {setting}")


def parquet_files(lake: Lake, paths: Sequence[str]) -> str:
    """Files of the lake as an SQL list for read_parquet; quotes and wildcards stand for themselves."""
    return sql_list(lake.files, paths)


def sql_list(files: Files, paths: Sequence[str]) -> str:
    """Files of any folder as such a list."""
    quoted = (re.sub(r"([*?\[])", r"[\1]", files.url(path)).replace("'", "''") for path in paths)
    return "[" + ", ".join(f"'{path}'" for path in quoted) + "]"


def connect(
    lake: Lake, shards: Mapping[str, Sequence[str]] | None = None, tables: Collection[str] = DATA_TABLES
) -> "Connection":
    """An in-memory DuckDB with a view for every table of the lake; each view has the extra column `shard`.

    `shards` narrows tables to the named shards; the others show all their shards. `tables` are those that the queries
    need: a view costs requests on S3. A table without any file is an empty view with the right columns, so that a
    query needs no special case. `quarantine` unites all stages; a stage's shards narrow what it refused, too. Damaged
    files are left out and told of (`Lake.damaged`): each file is proved before DuckDB opens it.
    """
    connection = open_sql(lake)
    wanted = {table: set(names) for table, names in (shards or {}).items()}
    there: dict[str, list[str]] = {}
    for path in _files_of(lake, tables):
        table, shard = path.removesuffix(".parquet").rsplit("/", 1)
        stage = table.removeprefix("quarantine/")
        if stage not in wanted or shard in wanted[stage]:
            there.setdefault(table, []).append(lake.path(table, shard))
    there["quarantine"] = [path for stage in REFUSING for path in there.get(f"quarantine/{stage}", [])]
    for table in tables:
        if table == LEDGER:
            ended = [path for asset in ASKING for path in there.get(f"{LEDGER}/{asset}", [])]
            _ledger_view(connection, lake, sound(lake, ended))
        else:
            _view(connection, lake, table, table, sound(lake, there.get(table, [])))
    return connection


ONE_BY_ONE = 3
"""Up to so many tables are listed one by one; beyond, one listing of all of them costs less."""


def _files_of(lake: Lake, tables: Collection[str]) -> list[str]:
    """Names below `tables/` of at least these tables' files."""
    if len(tables) > ONE_BY_ONE:
        return lake.files.walk("tables", ".parquet")
    return [f"{table}/{name}" for table in tables for name in lake.files.walk(f"tables/{table}", ".parquet")]


def sound(lake: Lake, paths: Sequence[str]) -> list[str]:
    """Those of some shards' files that are not damaged."""
    if not paths:
        return []
    with ThreadPoolExecutor(8) as pool:  # hashing lets go of the interpreter, and S3 takes its time
        return [path for path, good in zip(paths, pool.map(lake.is_sound, paths), strict=True) if good]


def _ledger_view(connection: "Connection", lake: Lake, paths: Sequence[str]) -> None:
    """Makings that ended, and those that are only known from the record of a process at work or killed."""
    _view(connection, lake, "ledger_ended", LEDGER, paths)
    add_table(connection, "ledger_unfinished", unfinished(lake))
    connection.execute(
        "CREATE VIEW ledger AS FROM ledger_ended UNION ALL BY NAME FROM ledger_unfinished "
        "ANTI JOIN ledger_ended USING (asset, shard, started)"
    ).fetchall()


def _view(connection: "Connection", lake: Lake, view: str, schema: str, paths: Sequence[str]) -> None:
    if not paths:
        add_table(connection, view, pl.DataFrame(schema={**polars_schema(schema), "shard": pl.String}))
        return
    own_shard = "shard" in polars_schema(schema)
    shard = "" if own_shard else r", regexp_extract(filename, '([^/]+)\.parquet$', 1) AS shard"
    connection.execute(
        f"CREATE VIEW {view} AS SELECT * EXCLUDE (filename){shard} "
        f"FROM read_parquet({parquet_files(lake, paths)}, filename = true)"
    ).fetchall()


def add_table(connection: "Connection", name: str, frame: pl.DataFrame) -> None:
    """Make `frame` a table of the connection.

    It travels as Parquet in memory: handing it over as Arrow would need pyarrow, which the base install does without.
    """
    from fsspec.implementations.memory import MemoryFileSystem

    memory = MemoryFileSystem()
    if not connection.filesystem_is_registered("memory"):
        connection.register_filesystem(memory)
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    path = f"memory://unicorn-{uuid.uuid4().hex}.parquet"
    memory.pipe_file(path, buffer.getvalue())
    try:
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_parquet('{path}')").fetchall()
    finally:
        memory.rm_file(path)


def fetch(connection: "Connection", sql: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """The rows of a query; for results that fit a screen or a few thousand lines, not for whole tables."""
    found = connection.execute(sql, dict(parameters) if parameters else None)
    names = [column[0] for column in found.description or ()]
    rows = found.fetchall()
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
