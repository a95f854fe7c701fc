"""Telling a person how far a stage is: the contract, rates over a recent window, and a listener that writes log lines.

The terminal's progress bars are in terminal/bars.py. Nothing here knows Dagster.
"""

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Protocol

WINDOW_S = 60.0
"""Speeds are measured over about so many seconds."""

Figures = dict[str, float | int | str]


class StageProgress(Protocol):
    """A running stage."""

    def advance(self, rows: int = 1, **counters: int) -> None:
        """`rows` more are done; counters such as accepted, rejected, tokens are added up. `replayed` rows were only
        looked up, so that they say nothing about the speed of the others.
        """

    def read(self, figures: Callable[[], Figures]) -> None:
        """Where to read figures of the moment (in flight, spent) whenever the stage is shown."""

    def close(self) -> None:
        """The stage has ended, well or not."""


class Progress(Protocol):
    """Somebody who shows progress."""

    def stage(self, name: str, total: int, unit: str = "rows") -> StageProgress:
        """A stage of `total` units begins."""


class Speed:
    """Rows and tokens per second over a recent window. Rows that came from the journal do not count."""

    def __init__(self, now: float, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._marks: deque[tuple[float, int, int]] = deque([(now, 0, 0)])
        self._rows = self._tokens = 0

    def add(self, now: float, rows: int, tokens: int) -> None:
        """`rows` and `tokens` came at `now` (s)."""
        self._rows += rows
        self._tokens += tokens
        if now - self._marks[-1][0] >= self._window_s / 30:
            self._marks.append((now, self._rows, self._tokens))
            # The oldest mark is the newest one that is a whole window ago.
            while len(self._marks) > 1 and now - self._marks[1][0] >= self._window_s:
                self._marks.popleft()

    def rates(self, now: float) -> tuple[float, float]:
        """Rows and tokens per second."""
        then, rows, tokens = self._marks[0]
        seconds = max(now - then, 1e-9)
        return (self._rows - rows) / seconds, (self._tokens - tokens) / seconds


class Course:
    """The figures of a running stage, for whoever shows them."""

    def __init__(self, total: int, clock: Callable[[], float]) -> None:
        self.total, self.done = total, 0
        self.counters: Counter[str] = Counter()
        self.figures: Callable[[], Figures] = dict
        self._clock = clock
        self._start = clock()
        self._speed = Speed(self._start)

    def advance(self, rows: int, counters: dict[str, int]) -> None:
        """Add to the figures."""
        self.done += rows
        self.counters.update(counters)
        self._speed.add(self._clock(), rows - counters.get("replayed", 0), counters.get("tokens", 0))

    @property
    def seconds(self) -> float:
        """Since the stage began."""
        return self._clock() - self._start

    def rates(self) -> tuple[float, float]:
        """Rows and tokens per second of late."""
        return self._speed.rates(self._clock())

    def seconds_left(self) -> float | None:
        """At the speed of late; None when that is not known."""
        rate = self.rates()[0]
        return (self.total - self.done) / rate if rate > 0 and self.done < self.total else None

    def shown(self) -> list[str]:
        """Counters and figures of the moment, as words."""
        # The terminal's thread reads while the stage's own adds: list() takes the items in one step.
        found = [*list(self.counters.items()), *self.figures().items()]
        return [f"{name} {value}" if isinstance(value, str) else f"{name} {value:,}" for name, value in found if value]


class LogStage:
    """Writes one line when `every_s` seconds have passed since the last, and one at the end."""

    def __init__(
        self, name: str, total: int, unit: str, log: Callable[[str], None], every_s: float, clock: Callable[[], float]
    ) -> None:
        self.name, self.unit = name, unit
        self._course = Course(total, clock)
        self._log, self._every_s, self._clock = log, every_s, clock
        self._last = clock()

    def advance(self, rows: int = 1, **counters: int) -> None:
        """Add to the figures; log when it is time."""
        self._course.advance(rows, counters)
        now = self._clock()
        if now - self._last >= self._every_s:
            self._last = now
            self._log(self._line())

    def read(self, figures: Callable[[], Figures]) -> None:
        """Where to read figures of the moment."""
        self._course.figures = figures

    def close(self) -> None:
        """Log the final figures."""
        self._log(self._line(ended=True))

    def _line(self, ended: bool = False) -> str:
        course = self._course
        # A stage that cannot know its length says 0.
        known = f"{course.done:,} of {course.total:,}" if course.total else f"{course.done:,}"
        words = [f"{self.name}: {known} {self.unit}", *course.shown()]
        rows_per_s, tokens_per_s = course.rates()
        if ended:
            seconds = max(course.seconds, 1e-9)
            rows_per_s = (course.done - course.counters["replayed"]) / seconds
            tokens_per_s = course.counters["tokens"] / seconds
        words.append(f"{rows_per_s:,.{1 if rows_per_s >= 1 else 2}f} {self.unit}/s")
        if course.counters["tokens"]:
            words.append(f"{tokens_per_s:,.0f} tokens/s")
        left = course.seconds_left()
        if ended:
            words.append(f"in {course.seconds:,.1f} s")
        elif left is not None:
            words.append(f"about {left:,.0f} s left")
        return ", ".join(words)


class LogProgress:
    """Progress as log lines, for Dagster's logs and for terminals that are not one."""

    def __init__(
        self, log: Callable[[str], None], every_s: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._every_s, self._clock = log, every_s, clock

    def stage(self, name: str, total: int, unit: str = "rows") -> LogStage:
        """A stage whose figures go to the log."""
        return LogStage(name, total, unit, self._log, self._every_s, self._clock)
