"""A few rows of a table, or of any query, for a person at a terminal."""

import difflib
import re

import polars as pl

from unicorn_assets.errors import UserError
from unicorn_assets.lake.query import connect, fetch
from unicorn_assets.lake.schemas import TABLES
from unicorn_assets.lake.store import Lake


def browse(lake: Lake, table: str, rows: int, where: str | None = None) -> pl.DataFrame:
    """At most `rows` rows of `table` (a name, or a query that starts with select or with) that fulfil `where`."""
    is_query = table.lstrip().lower().startswith(("select", "with"))
    if not is_query and table not in TABLES:
        near = difflib.get_close_matches(table, list(TABLES), 1)
        hint = f"did you mean {near[0]}?" if near else f"the tables are {', '.join(TABLES)}"
        raise UserError(f"there is no table {table!r}", hint)
    import duckdb

    inner = f"({table})" if is_query else table
    condition = f" WHERE {where}" if where else ""
    named = [name for name in TABLES if re.search(rf"\b{name}\b", f"{table} {where or ''}", re.IGNORECASE)]
    connection = connect(lake, tables=named)
    try:
        frame = fetch(connection, f"SELECT * FROM {inner}{condition} LIMIT {int(rows)}")
    except duckdb.Error as error:
        raise UserError(
            f"DuckDB cannot run this: {str(error).splitlines()[0]}", "check column names and quotes"
        ) from None
    finally:
        connection.close()
    return frame
