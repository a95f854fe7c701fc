import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy.exc
from dagster._api.list_repositories import sync_list_repositories_grpc
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient
from dagster_postgres.utils import get_conn_string
from sqlalchemy import create_engine, text

from unicorn_assets.postgres import BriefPool, wait_while_away
from unicorn_assets_tests.servers import PostgresServer, postgres_server

__all__ = ["postgres_server"]

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


@contextmanager
def relayed(port: int, to: PostgresServer) -> Iterator[None]:
    """PostgreSQL at another port, as long as this lasts."""

    def pump(here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(65536):
                there.sendall(data)
        with suppress(OSError):
            there.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                ends.append(listening.accept()[0])
                ends.append(socket.create_connection((to.host, to.port)))
                for here, there in (ends[-2:], ends[:-3:-1]):
                    threading.Thread(target=pump, args=(here, there), daemon=True).start()

    ends: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", port)) as listening:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(LONG_S)
            for end in ends:
                end.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_is_away_is_waited_for(postgres_server, caplog):
    port = free_port()
    url = get_conn_string("dagster", "test-secret", "127.0.0.1", "postgres", str(port), scheme="postgresql+psycopg2")
    database = create_engine(url)
    wait_while_away(database, LONG_S)
    waits = threading.Event()
    caplog.handler.addFilter(lambda record: waits.set() or True)
    with relayed_when(waits, port, postgres_server), database.connect() as connection:
        assert connection.execute(text("select 7")).scalar() == 7
    database.dispose()
    assert [record.message.split(":")[0] for record in caplog.records] == ["waiting for PostgreSQL"]


@contextmanager
def relayed_when(waits: threading.Event, port: int, to: PostgresServer) -> Iterator[None]:
    """PostgreSQL comes to this port once somebody waits for it."""
    over = threading.Event()

    def come() -> None:
        if waits.wait(LONG_S):
            with relayed(port, to):
                over.wait(2 * LONG_S)

    thread = threading.Thread(target=come, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(LONG_S)


def test_what_a_server_refuses_is_not_waited_for(postgres_server):
    url = f"postgresql+psycopg2://dagster:wrong@127.0.0.1:{postgres_server.port}/postgres"
    database = create_engine(url)
    wait_while_away(database, 3600)
    with pytest.raises(sqlalchemy.exc.OperationalError, match="password authentication failed"):
        database.connect()


def test_a_code_server_that_starts_while_postgres_is_away_has_its_definitions_afterwards(postgres_server, tmp_path):
    shutil.copy(Path(__file__).parents[1] / "deploy" / "dagster.yaml", tmp_path)
    with (tmp_path / "dagster.yaml").open("a") as file:
        launcher = Path(__file__).parents[1] / "deploy" / "launchers" / "default.yaml"
        file.write(launcher.read_text())
    (tmp_path / "small.py").write_text("import dagster as dg\n\ndefs = dg.Definitions()\n")
    database, port = free_port(), free_port()
    environment = {
        **os.environ, **postgres_server.environment, "DAGSTER_PG_PORT": str(database), "DAGSTER_HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])]), "UNICORN_LOG_BUCKET": "none",
    }  # fmt: skip
    dagster = str(Path(sys.executable).with_name("dagster"))
    command = [dagster, "code-server", "start", "-h", "127.0.0.1", "-p", str(port), "-m", "small"]
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        waits = threading.Event()
        printed: list[str] = []

        def read() -> None:
            for line in process.stderr or ():
                printed.append(line)
                if "waiting for PostgreSQL" in line:
                    waits.set()

        threading.Thread(target=read, daemon=True).start()
        try:
            with relayed_when(waits, database, postgres_server):
                assert waits.wait(2 * LONG_S), "".join(printed)
                client = DagsterGrpcClient(port=port, host="127.0.0.1")
                for _ in range(200):
                    with suppress(DagsterUserCodeUnreachableError):
                        found = sync_list_repositories_grpc(client)
                        break
                    threading.Event().wait(0.25)
                assert found.repository_symbols, "".join(printed)
        finally:
            process.terminate()
            process.wait(2 * LONG_S)
