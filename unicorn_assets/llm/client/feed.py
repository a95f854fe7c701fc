"""Rows of several askers in one line, for an engine that draws them one by one: whose turn comes first goes first.

Here: the line. Not here: who asks and what becomes of the rows (window.py).
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, TypeVar

from unicorn_assets.llm.row import Draftable

T = TypeVar("T")


class NotYet:
    """Drawn instead of a row: there is none now, and the engine is told when there is."""


NOT_YET: Final = NotYet()


class Feed(Generic[T]):
    """An iterator over rows that others `add` from any thread, until it is closed.

    `low` is called, from the thread that draws, each time when fewer than `few` rows are left waiting.
    """

    def __init__(self, few: int = 1, low: Callable[[], object] = lambda: None) -> None:
        self._line: list[tuple[int, int, Draftable[T]]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._few, self._low = few, low
        self._closed = False

    def add(self, rows: Iterable[Draftable[T]], rank: int = 0) -> None:
        """Put rows into the line: behind all of the same or a lower rank, before those of a higher one."""
        with self._lock:
            for row in rows:
                heapq.heappush(self._line, (rank, next(self._order), row))

    def close(self) -> None:
        """No more rows will come, and those that wait are not wanted."""
        with self._lock:
            self._closed = True
            self._line.clear()

    @property
    def is_low(self) -> bool:
        """Whether fewer than `few` rows wait."""
        return len(self._line) < self._few

    def __iter__(self) -> "Feed[T]":
        return self

    def __next__(self) -> Draftable[Any] | NotYet:
        with self._lock:
            if self._closed:
                raise StopIteration
            if not self._line:
                return NOT_YET
            row = heapq.heappop(self._line)[2]
            crossed = len(self._line) == self._few - 1
        if crossed:
            self._low()
        return row
