"""Dagster's SQLite files are held open in a run: no connection is the last one; a killed process loses nothing."""

import signal
import subprocess
import sys
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from unicorn_assets.automation.sqlite import held_open

KILLED = """
import os, signal, sys
from pathlib import Path
from unicorn_assets.automation.sqlite import held_open
from unicorn_assets_tests.automation.test_sqlite import write
with held_open():
    write(Path(sys.argv[1]), range(50))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def write(file: Path, numbers: range) -> None:
    """As Dagster does: an engine without a pool for each record, over a file with a log of changes."""
    for number in numbers:
        engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text("PRAGMA journal_mode=WAL"))
            connection.execute(text("CREATE TABLE IF NOT EXISTS records (number INTEGER)"))
            connection.execute(text("INSERT INTO records VALUES (:number)"), {"number": number})
            connection.commit()


def one(file: Path, query: str) -> int:
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def test_the_log_of_changes_is_written_back_once_at_the_end(tmp_path: Path) -> None:
    file, log = tmp_path / "a.db", tmp_path / "a.db-wal"
    with held_open():
        write(file, range(20))
        grown = log.stat().st_size
        write(file, range(20, 40))
        assert log.stat().st_size > grown > 0
        assert one(file, "PRAGMA synchronous") == 1  # NORMAL
        assert one(file, "SELECT count(*) FROM records") == 40
    assert not log.exists()
    assert one(file, "SELECT count(*) FROM records") == 40
    assert one(file, "PRAGMA synchronous") == 2  # as without it
    write(file, range(1))
    assert not log.exists()


def test_a_killed_process_loses_no_record(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.db")], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert one(tmp_path / "a.db", "SELECT count(*) FROM records") == 50


def test_a_database_in_memory_is_left_alone() -> None:
    with held_open(), create_engine("sqlite://").connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
