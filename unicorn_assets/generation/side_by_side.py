"""Shards made at the same time, of one asset or several, as many as it takes to keep the servers' window full.

The next shard is begun when fewer rows wait than may be in flight: so a window does not run dry while a shard's last
answers come, and no more shards are in memory than that takes. Rows of an earlier shard go first. A shard comes out the
moment it is done, in any order. Here: whose turn it is. Not here: the window (llm/client/window.py), what is made.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, TypeVar

from unicorn_assets.generation.asking import Asker
from unicorn_assets.llm.errors import TogetherFailed

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST = 8
"""Shards in the making at the same time."""
END_WITHIN_S = 60.0
"""Time for those that are under way to end when one failed for all of them."""

Unit = tuple[str, str]
"""An asset and its shard."""
Result = Callable[[], T]
"""Gives what was made, or raises what went wrong."""


@dataclass(frozen=True)
class _Done(Generic[T]):
    unit: Unit
    value: T | None
    error: BaseException | None

    def result(self) -> T:
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


def one_by_one(units: Sequence[Unit], work: Callable[[Unit], T]) -> Generator[tuple[Unit, Result[T]]]:
    """Each shard with its result, made when that is asked for."""
    for unit in units:
        yield unit, lambda unit=unit: work(unit)  # type: ignore[misc]


def side_by_side(asker: Asker, units: Sequence[Unit], work: Callable[[Unit], T]) -> Generator[tuple[Unit, Result[T]]]:
    """Each shard with its result, in order of completion; `work` runs in threads and asks through `asker`.

    Close the iterator to stop: what is under way is cut off, and its answers are in the journal.
    """
    news = SimpleQueue[_Done[T] | None]()

    def run(unit: Unit) -> None:
        try:
            done = _Done(unit, work(unit), None)
        except BaseException as error:  # raised by result(), in the caller's thread
            done = _Done(unit, None, error)
        news.put(done)

    todo, alone, active = deque(units), deque[Unit](), dict[Unit, threading.Thread]()
    try:
        with asker.telling(lambda: news.put(None)):
            while todo or alone or active:
                begin = todo if todo and (not active or (len(active) < MOST and asker.wants_rows(active))) else None
                if not todo and not active:
                    begin = alone
                if begin:
                    unit = begin.popleft()
                    name = "shard {1} of {0}".format(*unit)
                    active[unit] = threading.Thread(target=run, args=(unit,), name=name, daemon=True)
                    active[unit].start()
                    continue
                done = news.get()
                if done is None:
                    continue
                active.pop(done.unit).join()
                if isinstance(done.error, TogetherFailed):  # its answers so far are in the journal
                    log.info("%s of %s is made again, alone: %s", done.unit[1], done.unit[0], done.error)
                    alone.append(done.unit)
                else:
                    yield done.unit, done.result
    finally:
        if active:
            asker.stop()
            for thread in active.values():
                thread.join(END_WITHIN_S)
