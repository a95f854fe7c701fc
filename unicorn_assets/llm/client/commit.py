"""Answers between their arrival and their judgement: an answer is judged when the journal has made it durable.

Arithmetic only, no clock, no disk, no loop: the engine (core.py) says what happened and when, and asks once per turn
what is to be done. Not here: how the journal writes (journal/), what becomes of an answer (drafting.py).
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

GROUP = 64
"""Answers that are written and wait for the disk before it is told to sync."""

GROUP_S = 0.05
"""Longest time an answer waits for others to be synced with it."""


@dataclass(slots=True)
class Commits(Generic[T]):
    """Items by the number under which the journal counts them, ascending; `durable` is the journal's own count.

    The engine never waits for an item without one of three that will come: a sync under way (`syncing`), the time that
    `sync_at` names, or an item that `take` would give now. The journal may make items durable by itself at any moment,
    without telling; that is why durability is asked for anew in each call and never remembered.
    """

    syncing: bool = False
    _waiting: deque[tuple[int, T]] = field(default_factory=deque)
    _since: float | None = None  # when the first item came that the last sync does not cover

    def __len__(self) -> int:
        return len(self._waiting)

    def arrived(self, number: int, item: T, now: float) -> None:
        """The journal took `item` as its answer `number`."""
        self._waiting.append((number, item))
        if self._since is None:
            self._since = now

    def ready(self, durable: int) -> bool:
        """Whether `take` has something to give."""
        return bool(self._waiting) and self._waiting[0][0] <= durable

    def take(self, durable: int) -> T | None:
        """The oldest item if it is durable."""
        return self._waiting.popleft()[1] if self.ready(durable) else None

    def undurable(self, durable: int) -> int:
        """How many items the disk does not have yet."""
        return max(0, self._waiting[-1][0] - durable) if self._waiting else 0

    def sync_at(self, durable: int, now: float, idle: bool) -> float | None:
        """When to sync: now for a full group or when nothing more will come (`idle`), else soon. None: there is nothing
        to sync, or a sync is under way.
        """
        waiting = self.undurable(durable)
        if not waiting:
            self._since = None
        if self.syncing or not waiting:
            return None
        if self._since is None:
            self._since = now
        return now if idle or waiting >= GROUP else self._since + GROUP_S

    def sync_started(self) -> None:
        """Everything that has arrived is written, and a sync of it has begun."""
        self.syncing, self._since = True, None

    def sync_ended(self) -> None:
        """It has ended, well or not."""
        self.syncing = False
