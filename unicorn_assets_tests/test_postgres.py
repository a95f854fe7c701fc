import sqlite3
import threading

import pytest
from sqlalchemy import create_engine, text

from unicorn_assets.postgres import BriefPool

LONG_S = 30.0


class Opened:
    """Makes connections, and knows how many are open; `closed` is set when the last one was closed."""

    def __init__(self) -> None:
        self.count = self.open = 0
        self.closed = threading.Event()

    def __call__(self) -> sqlite3.Connection:
        self.count += 1
        self.open += 1
        connection = sqlite3.connect(":memory:", check_same_thread=False, factory=_counted(self))
        self.closed.clear()
        return connection


def _counted(opened: Opened) -> type[sqlite3.Connection]:
    class Counted(sqlite3.Connection):
        def close(self) -> None:
            opened.open -= 1
            if not opened.open:
                opened.closed.set()
            super().close()

    return Counted


@pytest.fixture
def opened() -> Opened:
    return Opened()


def engine(opened: Opened, idle_s: float):
    pool = type("Pool", (BriefPool,), {"idle_s": idle_s})
    return create_engine("sqlite://", creator=opened, poolclass=pool, pool_size=2, max_overflow=-1, pool_pre_ping=True)


def test_queries_in_a_row_share_a_connection(opened):
    database = engine(opened, LONG_S)
    for _ in range(50):
        with database.connect() as connection:
            connection.execute(text("select 1"))
    assert opened.count == 1


def test_what_nobody_uses_is_closed_and_opened_again(opened):
    database = engine(opened, 0.01)
    for time in range(1, 4):
        with database.connect() as connection:
            connection.execute(text("select 1"))
        assert opened.closed.wait(LONG_S)
        assert (opened.count, opened.open) == (time, 0)


def test_one_in_use_stays_open(opened):
    database = engine(opened, 0.01)
    with database.connect() as mine:
        with database.connect():
            pass
        while database.pool.checkedin():  # the other one is closed by then
            threading.Event().wait(0.005)
        assert mine.execute(text("select 7")).scalar() == 7
    assert opened.closed.wait(LONG_S)


def test_many_at_once_are_not_refused(opened):
    database = engine(opened, LONG_S)
    connections = [database.connect() for _ in range(20)]
    assert opened.open == 20
    for connection in connections:
        connection.close()
    assert opened.open == 2


def test_a_connection_that_broke_meanwhile_is_replaced(opened):
    database = engine(opened, LONG_S)
    with database.connect() as connection:
        broken = connection.connection.dbapi_connection
    broken.close()
    with database.connect() as connection:
        assert connection.execute(text("select 7")).scalar() == 7
    assert opened.count == 2
