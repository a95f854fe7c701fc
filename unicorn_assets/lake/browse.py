"""A few rows of a table, or of any query, for a person at a terminal.

The query is somebody's text, so it gets a connection of its own that can do nothing but read this lake's tables, in
bounded memory and time. Here: that fence, and the rows. Not here: the views (query.py) or printing.
"""

import contextlib
import difflib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from unicorn_assets.errors import UserError
from unicorn_assets.lake.query import connect, fence
from unicorn_assets.lake.schemas import TABLES
from unicorn_assets.lake.store import Lake

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

MEMORY_BYTES = 1 << 30
"""What DuckDB may use for a query; texts that one function makes at a stroke are only held by the process's limit."""
ANSWER_BYTES = 256 << 20
"""About so much text a result may hold."""
PATIENCE_S = 600.0
"""A query is ended after so many seconds."""

_AT_A_TIME = 500


def browse(lake: Lake, table: str, rows: int, where: str | None = None) -> pl.DataFrame:
    """At most `rows` rows of `table` (a name, or one query that starts with select or with) that fulfil `where`.

    UserError for an unknown table, for anything but one SELECT, and for a query that fails or is too large.
    """
    is_query = table.lstrip().lower().startswith(("select", "with"))
    if not is_query and table not in TABLES:
        near = difflib.get_close_matches(table, list(TABLES), 1)
        hint = f"did you mean {near[0]}?" if near else f"the tables are {', '.join(TABLES)}"
        raise UserError(f"there is no table {table!r}", hint)
    # Line breaks end comments that would swallow what follows.
    inner = f"(\n{table.strip().removesuffix(';')}\n)" if is_query else table
    condition = f" WHERE (\n{where}\n)" if where else ""
    named = [name for name in TABLES if re.search(rf"\b{name}\b", f"{table} {where or ''}", re.IGNORECASE)]
    with words_for_errors("unicorn show"), connect(lake, tables=named) as connection:
        fence(connection, lake, MEMORY_BYTES)
        if is_query:
            _require_select(connection, table)
        if where:
            _require_condition(connection, condition)
        return select(connection, f"SELECT * FROM {inner}{condition} LIMIT {int(rows)}")


def select(connection: "Connection", query: str, command: str = "unicorn show") -> pl.DataFrame:
    """The rows of one SELECT on a connection that is fenced, in bounded memory and time; errors are DuckDB's, to be
    put into words by `words_for_errors`.
    """
    _require_select(connection, query, command)
    with _bounded_memory(2 * MEMORY_BYTES):
        return _within(PATIENCE_S, connection, lambda: _frame(connection, query))


def _require_condition(connection: "Connection", condition: str) -> None:
    import duckdb

    try:
        _require_select(connection, f"SELECT 1{condition}")
    except duckdb.ParserException as error:
        raise UserError(
            f"--where takes one condition: {str(error).splitlines()[0]}",
            'to order, group or join, give a query: unicorn show "select * from captions order by words"',
        ) from None


def _require_select(connection: "Connection", sql: str, command: str = "unicorn show") -> None:
    import duckdb

    kinds = [statement.type for statement in connection.extract_statements(sql)]
    if kinds != [duckdb.StatementType.SELECT]:
        raise UserError(f"`{command}` takes one SELECT and nothing else", "it reads the lake's tables only")


def _frame(connection: "Connection", query: str) -> pl.DataFrame:
    found = connection.execute(query)
    names = [str(column[0]) for column in found.description or ()]
    rows: list[tuple[Any, ...]] = []
    size = 0
    while some := found.fetchmany(_AT_A_TIME):
        rows += some
        size += sum(len(cell) if isinstance(cell, str | bytes) else 50 for row in some for cell in row)
        if size > ANSWER_BYTES:
            raise UserError(
                "the result is too large to show", "ask for fewer --rows, or for parts: substr(text, 1, 200)"
            )
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None, strict=False)


@contextmanager
def words_for_errors(command: str) -> Iterator[None]:
    """Whatever goes wrong with a person's query is a UserError in one line."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException:
        raise UserError(f"the query was ended after {PATIENCE_S:g} s", "ask for less") from None
    except duckdb.PermissionException:
        raise UserError(
            f"`{command}` reads the tables of its lake, and no other file", "see docs/command-line.md"
        ) from None
    except (duckdb.OutOfMemoryException, MemoryError):
        raise UserError(
            f"the query needs more than {MEMORY_BYTES >> 20:,} MB of memory", "ask for fewer rows or shorter texts"
        ) from None
    except duckdb.Error as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UserError(f"DuckDB cannot run this: {first}", "check column names and quotes") from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OverflowError, ValueError, TypeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"the result cannot be shown: {first[:300]}", "cast such columns: column::VARCHAR") from None


def _within(seconds: float, connection: "Connection", work: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """The result of `work`, which is ended by Ctrl-C or when it takes longer.

    DuckDB does not look at signals while it computes, so it computes in a thread and this one listens.
    """
    import duckdb

    ended: list[pl.DataFrame | BaseException] = []

    def compute() -> None:
        try:
            ended.append(work())
        except BaseException as error:
            ended.append(error)
        finally:
            done.set()

    done = threading.Event()  # after Ctrl-C, Thread.join says of a running thread that it has ended
    threading.Thread(target=compute, daemon=True).start()
    try:
        done.wait(seconds)
    finally:
        while not done.is_set():
            with contextlib.suppress(duckdb.Error):  # it may be between two calls
                connection.interrupt()
            done.wait(0.05)
        # An error knows the frames it came through, and these an open result: it must not outlive this one.
        found = ended.pop()
    if isinstance(found, pl.DataFrame):
        return found
    try:
        raise found
    finally:
        del found


@contextmanager
def _bounded_memory(more_bytes: int) -> Iterator[None]:
    """Within the block the process may grow by so much, where the system can say how large it is (Linux).

    DuckDB's own limit does not hold for the one text of `repeat('x', 2000000000)`.
    """
    try:
        import resource

        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        before = resource.getrlimit(resource.RLIMIT_AS)
    except (ImportError, OSError):
        yield
        return
    wanted = now + more_bytes
    for limit in before:
        wanted = wanted if limit == resource.RLIM_INFINITY else min(wanted, limit)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
