"""Progress bars with counts, speed and ETA. A stage that has nothing to do shows none."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from unicorn_assets.progress import LogProgress, Progress, Stage


@contextmanager
def shown_on(console: Console) -> Iterator[Progress]:
    """Bars in a terminal; elsewhere a line every 15 seconds and one at the end of each stage."""
    if not console.is_terminal:
        yield Bars(None, LogProgress(lambda line: console.print(line, highlight=False, soft_wrap=True), every_s=15))
        return
    columns = (TextColumn("{task.description:<19}"), BarColumn(bar_width=16), MofNCompleteColumn(), Left(), Counts())
    with RichProgress(*columns, console=console) as progress:
        yield Bars(progress, None)


class Left(TimeRemainingColumn):
    """Time left while a stage runs, its time when it has ended."""

    def render(self, task: Task) -> Text:
        """The estimate, or the seconds that it took."""
        return Text(f"{task.elapsed or 0:,.0f} s") if task.finished else super().render(task)


class Counts(ProgressColumn):
    """Counters of a stage, such as accepted and tokens, with the speed of its rows."""

    def render(self, task: Task) -> Text:
        """One line of figures."""
        counters: Counter[str] = task.fields["counters"]
        shown = [f"{value:,} {name}" for name, value in counters.items()]
        if task.completed and (task.elapsed or 0.0) > 1:
            shown.append(f"{task.completed / (task.elapsed or 1.0):,.1f}/s")
        return Text(" ".join(shown), style="dim", no_wrap=True)


class Bars:
    """A bar, or log lines, for every stage that has rows to do."""

    def __init__(self, progress: RichProgress | None, lines: LogProgress | None) -> None:
        self._progress, self._lines = progress, lines

    def stage(self, name: str, total: int, unit: str = "rows") -> Stage:
        """A stage; one of no rows stays silent, one of unknown length (in another unit) pulses."""
        if total == 0 and unit == "rows" and name != "seed_catalog":
            return _Silent()
        if self._progress is None:
            assert self._lines is not None, "there is either a terminal or a log"
            return self._lines.stage(name, total, unit)
        return _Bar(self._progress, name, total)


class _Bar:
    def __init__(self, progress: RichProgress, name: str, total: int) -> None:
        self._counters: Counter[str] = Counter()
        self._progress = progress
        self._task = progress.add_task(name, total=total or None, counters=self._counters)

    def advance(self, rows: int = 1, **counters: int) -> None:
        self._counters.update(counters)
        self._progress.advance(self._task, rows)

    def close(self) -> None:
        done = self._progress.tasks[self._task].completed
        self._progress.update(self._task, total=done, completed=done)
        self._progress.stop_task(self._task)


class _Silent:
    def advance(self, rows: int = 1, **counters: int) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing to end."""
