"""Faults of disks, stores and fleets: what counts, who gets the work, how the window moves."""

import os
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from unicorn_assets.llm.client.core import Core
from unicorn_assets.llm.client.engine import generate
from unicorn_assets.llm.client.limiter import pause_before
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.errors import EngineStalled, JournalBroken
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.journal.store import LocalStore, ObjectStore
from unicorn_assets_tests.llm.client.test_engine import accepted, run
from unicorn_assets_tests.llm.faulty_server import FaultyServer
from unicorn_assets_tests.llm.rows import rows, settings_for


def test_an_answer_counts_only_when_the_disk_has_it(tmp_path, monkeypatch):
    """The disk hangs: rows go on being asked for, up to a bound, but none is handed out until it answers."""
    usual, answering = os.fdatasync, threading.Event()
    monkeypatch.setattr("os.fdatasync", lambda descriptor: (answering.wait(20), usual(descriptor)))
    with FaultyServer() as server:
        settings = settings_for(server.url)
        with Journal.open(str(tmp_path)) as journal, open_endpoint(settings) as endpoint:
            first: list[int] = []
            outcomes = []

            def listen() -> None:
                for outcome in generate(rows(400), endpoint, journal, settings):
                    first.append(server.requests) if not first else None
                    outcomes.append(outcome)

            caller = threading.Thread(target=listen)
            caller.start()
            while server.requests < 64 + 16:
                caller.join(0.01)
            assert not outcomes
            assert server.requests <= 64 + 2 * 16
            answering.set()
            caller.join(20)
        assert accepted(outcomes) == list(range(400))
        assert server.requests == 400


def test_what_was_written_survives_the_process_before_it_is_synced(tmp_path, monkeypatch):
    monkeypatch.setattr(LocalStore, "sync", lambda self: None)
    from unicorn_assets_tests.llm.journal.test_journal import answer

    writer = Journal.open(str(tmp_path))
    for number in range(10):
        writer.put(answer(number))
    writer.write()
    assert writer.durable == 0
    with Journal.open(str(tmp_path)) as reader:
        assert len(reader) == 10
    writer.close()


def test_an_object_store_that_fails_for_good_stops_the_run(tmp_path, monkeypatch):
    def fails(self, name, block):
        raise OSError("503 Slow Down")

    monkeypatch.setattr(ObjectStore, "append", fails)
    monkeypatch.setattr("unicorn_assets.llm.journal.growing.PUT_ATTEMPTS", 1)
    with FaultyServer() as server, pytest.raises(JournalBroken, match="503 Slow Down"):
        run("memory://lake-that-fails", server, rows(1000))


def test_an_object_store_that_fails_once_is_asked_again(tmp_path, monkeypatch):
    usual, failures = ObjectStore.append, [OSError("503 Slow Down")]

    def fails_once(self, name, block):
        if failures:
            raise failures.pop()
        return usual(self, name, block)

    monkeypatch.setattr(ObjectStore, "append", fails_once)
    with FaultyServer() as server:
        assert len(run("memory://lake-that-recovers", server, rows(100))) == 100
        assert len(run("memory://lake-that-recovers", server, rows(100))) == 100
        assert server.requests == 100


def test_a_fleet_with_a_server_that_was_never_there(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        events = []
        with FaultyServer(latency=0.005) as server, Journal.open(str(tmp_path)) as journal:
            settings = settings_for(dead, server.url, concurrency=4)
            with open_endpoint(settings) as endpoint:
                outcomes = list(generate(rows(150), endpoint, journal, settings, events.append))
        assert accepted(outcomes) == list(range(150))
        assert server.requests == 150


def test_the_faster_server_gets_more_of_the_work(tmp_path):
    with FaultyServer(latency=0.01) as fast, FaultyServer(latency=0.1) as slow, Journal.open(str(tmp_path)) as journal:
        settings = settings_for(fast.url, slow.url, concurrency=4)
        with open_endpoint(settings) as endpoint:
            assert len(list(generate(rows(300), endpoint, journal, settings))) == 300
        assert slow.requests >= 4
        assert fast.requests > 2 * slow.requests


def test_a_burst_of_429_halves_the_window_and_no_row_is_lost(tmp_path):
    events = []
    with FaultyServer(lambda row, nth: "429" if row < 40 and nth == 1 else None, latency=0.002) as server:
        outcomes = run(tmp_path, server, rows(300), events.append)
        assert accepted(outcomes) == list(range(300))
        assert server.requests == 340
    assert any(event.kind == "slowed" for event in events)
    assert sum(event.kind == "retry" for event in events) == 40


@pytest.mark.parametrize(
    ("attempts", "retry_after", "shortest"),
    [(0, None, 0.1), (1, None, 0.0), (3, None, 0.8), (0, 2.0, 2.0), (9, 2.0, 2.0)],
)
def test_rows_refused_at_once_do_not_come_back_at_once(attempts, retry_after, shortest):
    pauses = sorted(pause_before(attempts, retry_after, patience=20.0) for _ in range(400))
    jitter = 0.1 * 0.1 * 2**attempts
    assert shortest <= pauses[0] <= pauses[-1] <= shortest + jitter
    for tenth in range(10):  # each tenth of the range gets its share: 40 of 400, 6 is the deviation
        edges = shortest + jitter * tenth / 10, shortest + jitter * (tenth + 1) / 10
        assert 4 < sum(edges[0] <= pause < edges[1] for pause in pauses) < 76


def test_a_halved_window_grows_again_to_its_ceiling(tmp_path):
    levels: list[int] = []  # requests side by side, as the server sees them when it decides on each
    faulty: list[int] = []

    def fault(row: int, nth: int) -> str | None:
        levels.append(server.in_flight)
        if 100 <= row < 108 and nth == 1:
            faulty.append(len(levels))
            return "503"
        return None

    events = []
    # Slow enough that requests are side by side at the server, not in the queues of a busy machine.
    with FaultyServer(fault, latency=0.02) as server:
        outcomes = run(tmp_path, server, rows(600), events.append)
    assert accepted(outcomes) == list(range(600))
    slowed = [event.detail for event in events if event.kind == "slowed"]
    assert slowed[0].endswith(": 8")
    assert max(levels[: faulty[0]]) == 16
    after = levels[faulty[-1] + 16 : -16]  # what was sent with the old window has arrived, the end is not near
    low = after.index(min(after))
    assert after[low] <= 10
    assert max(after[low:]) == 16


@pytest.mark.parametrize(("pause", "stalls"), [(5.0, False), (None, True)])
def test_a_server_that_rests_longer_than_patience_is_no_standstill(monkeypatch, pause, stalls):
    failed: list[Exception] = []
    core = object.__new__(Core)
    now = time.monotonic()
    room = None if pause is None else now + pause
    core._fleet = SimpleNamespace(waits_for_restart=lambda: False, in_flight=lambda: 0, next_room=lambda _: room)
    core._settings = SimpleNamespace(patience_s=8.0, timeout_s=5.0)
    core._keeps_up, core._later, core._moved, core._starved = True, [], now - 10.0, False
    monkeypatch.setattr(Core, "describe", lambda _: "nothing in flight")
    monkeypatch.setattr(Core, "fail", lambda _, error: failed.append(error))
    core._stop_if_stalled()
    assert [type(error) for error in failed] == [EngineStalled] * stalls
