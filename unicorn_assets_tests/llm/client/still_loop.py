"""An asyncio loop in which nothing happens by itself: its clock, its threads and its network move when a test says so.

With it a test sees what a run waits for at any moment, and whether anybody would ever wake it.
"""

import asyncio
from collections.abc import Callable
from typing import Any


class StillLoop(asyncio.SelectorEventLoop):
    """`now` is its clock in seconds; `jobs` is what it was asked to run in a thread and has not run yet."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.jobs: list[tuple[asyncio.Future, Callable[[], Any]]] = []
        self.errors: list[dict] = []
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    def time(self) -> float:
        return self.now

    def run_in_executor(self, _executor, func, *args):
        future = self.create_future()
        self.jobs.append((future, lambda: func(*args)))
        return future

    def finish_job(self, index: int) -> None:
        """One of the threads comes to its end."""
        future, func = self.jobs.pop(index)
        if future.cancelled():
            return
        try:
            future.set_result(func())
        except Exception as error:
            future.set_exception(error)

    def settle(self) -> None:
        """Run all callbacks that are due, until nothing is due at this time of the clock."""
        for _ in range(10_000):
            self.call_soon(self.stop)
            self.run_forever()
            if not self._ready and not any(at <= self.now for at in self.timers()):
                return
        raise AssertionError("the loop spins: something asks for a turn in every turn")

    def timers(self) -> list[float]:
        """Times for which a callback is planned."""
        return sorted(handle.when() for handle in self._scheduled if not handle.cancelled())
