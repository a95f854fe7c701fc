"""Telling a person how far a stage is: the contract, and a listener that writes a log line now and then.

The terminal's progress bars are in cli/bars.py. Nothing here knows Dagster.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol


class Stage(Protocol):
    """A running stage."""

    def advance(self, rows: int = 1, **counters: int) -> None:
        """`rows` more are done; counters such as accepted, quarantined, tokens are added up."""

    def close(self) -> None:
        """The stage has ended, well or not."""


class Progress(Protocol):
    """Somebody who shows progress."""

    def stage(self, name: str, total: int, unit: str = "rows") -> Stage:
        """A stage of `total` units begins."""


class LogStage:
    """Writes one line when `every_s` seconds have passed since the last, and one at the end."""

    def __init__(
        self, name: str, total: int, unit: str, log: Callable[[str], None], every_s: float, clock: Callable[[], float]
    ) -> None:
        self.name, self.total, self.unit = name, total, unit
        self.done = 0
        self.counters: Counter[str] = Counter()
        self._log, self._every_s, self._clock = log, every_s, clock
        self._start = self._last = clock()

    def advance(self, rows: int = 1, **counters: int) -> None:
        """Add to the figures; log when it is time."""
        self.done += rows
        self.counters.update(counters)
        now = self._clock()
        if now - self._last >= self._every_s:
            self._last = now
            self._log(self._line(now))

    def close(self) -> None:
        """Log the final figures."""
        self._log(self._line(self._clock()))

    def _line(self, now: float) -> str:
        seconds = max(now - self._start, 1e-9)
        rate = self.done / seconds
        left = (self.total - self.done) / rate if rate > 0 else 0.0
        counted = "".join(f", {name} {value:,}" for name, value in sorted(self.counters.items()))
        # A stage that cannot know its length says 0.
        known = f"{self.done:,} of {self.total:,}" if self.total else f"{self.done:,}"
        eta = f", about {left:,.0f} s left" if self.done < self.total else f" in {seconds:,.1f} s"
        return f"{self.name}: {known} {self.unit}{counted}, {rate:,.1f}/s{eta}"


class LogProgress:
    """Progress as log lines, for Dagster's logs and for terminals that are not one."""

    def __init__(
        self, log: Callable[[str], None], every_s: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._every_s, self._clock = log, every_s, clock

    def stage(self, name: str, total: int, unit: str = "rows") -> LogStage:
        """A stage whose figures go to the log."""
        return LogStage(name, total, unit, self._log, self._every_s, self._clock)
