"""Progress that also remembers: seconds and counters of every stage, for the table at the end of a run."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable

from unicorn_assets.progress import Figures, Progress, StageProgress


class Timed:
    """Passes everything on to `listener` and keeps the sums; a stage may run once per range of shards."""

    def __init__(self, listener: Progress) -> None:
        self._listener = listener
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.counters: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def stage(self, name: str, total: int, unit: str = "rows") -> StageProgress:
        """A stage of the listener, timed."""
        return _TimedStage(self, name, self._listener.stage(name, total, unit))


class _TimedStage:
    def __init__(self, timed: Timed, name: str, stage: StageProgress) -> None:
        self._timed, self._name, self._stage = timed, name, stage
        self._start = time.monotonic()

    def advance(self, rows: int = 1, **counters: int) -> None:
        self._timed.counters[self._name].update(counters)
        self._stage.advance(rows, **counters)

    def read(self, figures: Callable[[], Figures]) -> None:
        self._stage.read(figures)

    def close(self) -> None:
        self._timed.seconds[self._name] += time.monotonic() - self._start
        self._stage.close()
