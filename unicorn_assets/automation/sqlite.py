"""Dagster's SQLite files, held open while a run goes on in this process.

Dagster opens a connection for each record and closes it again. The last connection to a file that closes writes the
whole log of changes back and waits for the disk, and so does each commit: a small run makes 1,700 of them. What is
stored, and how, is Dagster's own. Not here: PostgreSQL (unicorn_assets/postgres.py).
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def held_open() -> Iterator[None]:
    """Meanwhile each SQLite file that SQLAlchemy connects to keeps a connection until the end, so that no other one is
    the last, and commits reach the disk when the log is written back. A process that is killed loses nothing; a machine
    that loses power may lose the last records, never the file.
    """
    held: dict[str, sqlite3.Connection] = {}
    lock = threading.Lock()

    def connected(connection: Any, _: Any) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return
        connection.execute("PRAGMA synchronous=NORMAL")
        file = connection.execute("PRAGMA database_list").fetchone()[2]
        if not file:  # in memory
            return
        with lock, suppress(sqlite3.Error):  # without it all works as before, only slower
            if file not in held:
                held[file] = sqlite3.connect(file, check_same_thread=False)
                last.enter_context(closing(held[file]))
            # Read again each time: a file that is made just now gets its log of changes after the first connection.
            held[file].execute("PRAGMA schema_version").fetchone()

    with ExitStack() as last:
        event.listen(Engine, "connect", connected)
        last.callback(event.remove, Engine, "connect", connected)
        yield
