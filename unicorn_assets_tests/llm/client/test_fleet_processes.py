"""Two servers as real processes: one is killed under load and started again on its port; no row suffers."""

import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Self

from unicorn_assets.llm.client.engine import generate
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.journal import Journal
from unicorn_assets_tests.llm.client.test_engine import accepted
from unicorn_assets_tests.llm.rows import Row, settings_for

SERVER = """
import sys
from unicorn_assets_tests.llm.faulty_server import FaultyServer

worked = 0

def count(row, nth):
    global worked
    worked += 1
    if worked == 20:
        print("worked", flush=True)

with FaultyServer(count, latency=0.05, port=int(sys.argv[1])) as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""
MOST_ROWS = 5000  # ends the test when the killed server gets no work again


class Child:
    """A server in a process of its own, on `port` or any free one; it prints its port, and a word after 20 requests."""

    def __init__(self, port: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait(20)
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]

    def says(self) -> str:
        """The next line it prints; empty when it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def test_a_killed_server_comes_back_and_gets_work_again(tmp_path) -> None:
    heard: list[str] = []
    back_at_work = threading.Event()
    with Child() as one, Child() as other, Journal.open(str(tmp_path)) as journal:
        ports = [int(child.says()) for child in (one, other)]
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        again: list[Child] = []
        told: list[str] = []
        reader = threading.Thread(target=lambda: (told.extend((again[0].says(), again[0].says())), back_at_work.set()))

        def listen(event: Event) -> None:
            if event.kind in ("left", "returned"):
                heard.append(f"{event.kind} {event.detail}")
            if event.kind == "left" and not again:
                again.append(Child(ports[0]))
                reader.start()

        def until_back_at_work() -> Iterator[Row]:
            for number in itertools.count():
                if back_at_work.is_set() or number == MOST_ROWS:
                    return
                asked.append(number)
                yield Row(number)

        asked: list[int] = []
        outcomes = []
        settings = settings_for(*urls, concurrency=4)
        try:
            with open_endpoint(settings) as endpoint:
                for outcome in generate(until_back_at_work(), endpoint, journal, settings, listen):
                    outcomes.append(outcome)
                    if len(outcomes) == 50:
                        one.process.kill()
        finally:
            for child in again:
                child.__exit__()
                reader.join(20)
    assert told == [str(ports[0]), "worked"]
    assert [line.split()[:2] for line in heard] == [["left", f"{urls[0]}/v1:"], ["returned", f"{urls[0]}/v1"]]
    assert accepted(outcomes) == asked
    assert len(asked) < MOST_ROWS
