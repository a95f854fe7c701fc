"""Progress bars with counts, speed and ETA; a stage whose data is current shows no bar."""

import time
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class Counts(ProgressColumn):
    """Counters of a stage, such as accepted and tokens, with the speed of its rows."""

    def render(self, task: Task) -> Text:
        """One line of figures."""
        counters: Counter[str] = task.fields["counters"]
        shown = [f"{value:,} {name}" for name, value in counters.items()]
        if task.completed and (task.elapsed or 0.0) > 1:
            shown.append(f"{task.completed / (task.elapsed or 1.0):,.1f}/s")
        return Text(" ".join(shown), style="dim", no_wrap=True)


class BarStage:
    """One bar."""

    def __init__(self, bars: "Bars", name: str, total: int, unit: str) -> None:
        self.name = name
        self.counters: Counter[str] = Counter()
        self._bars = bars
        self._start = time.monotonic()
        # A stage that cannot say its total yet pulses.
        self._task = bars.progress.add_task(name, total=total or None, counters=self.counters, unit=unit)

    def advance(self, rows: int = 1, **counters: int) -> None:
        """`rows` more are done."""
        self.counters.update(counters)
        self._bars.progress.advance(self._task, rows)

    def close(self) -> None:
        """Show the bar as ended and remember how long it took."""
        task = self._bars.progress.tasks[self._task]
        self._bars.progress.update(self._task, total=task.completed or 1, completed=task.completed or 1)
        self._bars.progress.stop_task(self._task)
        self._bars.seconds[self.name] = self._bars.seconds.get(self.name, 0.0) + time.monotonic() - self._start
        self._bars.counters[self.name].update(self.counters)


class _Quiet:
    """A stage with nothing to do."""

    def advance(self, rows: int = 1, **counters: int) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing to end."""


class Bars:
    """All bars of a command; a context manager. Keeps seconds and counters by stage for the table at the end."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description:<20}"), BarColumn(bar_width=16), MofNCompleteColumn(), TimeRemainingColumn(),
            Counts(), console=console, transient=False,
        )  # fmt: skip
        self.seconds: dict[str, float] = {}
        self.counters: dict[str, Counter[str]] = {}

    def stage(self, name: str, total: int, unit: str = "rows") -> BarStage | _Quiet:
        """A bar; none for a partitioned stage without stale rows."""
        if total == 0 and unit == "rows" and name != "seed_catalog":
            return _Quiet()
        self.counters.setdefault(name, Counter())
        return BarStage(self, name, total, unit)

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.progress.stop()
