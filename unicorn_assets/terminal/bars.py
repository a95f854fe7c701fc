"""Progress bars with counts, speed and ETA. A stage that has nothing to do shows none."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from unicorn_assets.progress import Course, Figures, LogProgress, Progress, StageProgress


@contextmanager
def shown_on(console: Console) -> Iterator[Progress]:
    """Bars in a terminal; elsewhere a line every 15 seconds and one at the end of each stage."""
    if not console.is_terminal:
        yield Bars(None, LogProgress(lambda line: console.print(line, highlight=False, soft_wrap=True), every_s=15))
        return
    columns = (
        TextColumn("{task.description:<19}", markup=False),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        Left(),
        Counts(),
    )
    with RichProgress(*columns, console=console) as progress:
        yield Bars(progress, None)


class Left(ProgressColumn):
    """Time left while a stage runs, its time when it has ended."""

    def render(self, task: Task) -> Text:
        """The estimate at the speed of late, or the seconds that it took."""
        course: Course = task.fields["course"]
        if task.finished:
            return Text(f"{task.elapsed or 0:,.0f} s")
        left = course.seconds_left()
        return Text("-:--:--" if left is None else _clock(left), style="progress.remaining")


class Counts(ProgressColumn):
    """Counters of a stage, such as accepted and tokens, what is in flight and spent, and the speed."""

    def render(self, task: Task) -> Text:
        """One line of figures."""
        course: Course = task.fields["course"]
        shown = [" ".join(reversed(words.rsplit(" ", 1))) for words in course.shown()]
        if task.completed and (task.elapsed or 0.0) > 1 and not task.finished:
            rows, tokens = course.rates()
            shown.append(f"{rows:,.{1 if rows >= 1 else 2}f}/s" + (f" {tokens:,.0f} tokens/s" if tokens else ""))
        return Text(" ".join(shown), style="dim", no_wrap=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


class Bars:
    """A bar, or log lines, for every stage that has rows to do."""

    def __init__(self, progress: RichProgress | None, lines: LogProgress | None) -> None:
        self._progress, self._lines = progress, lines

    def stage(self, name: str, total: int, unit: str = "rows") -> StageProgress:
        """A stage; one of no rows stays silent, one of unknown length (in another unit) pulses."""
        if total == 0 and unit == "rows" and name != "seed_catalog":
            return _Silent()
        if self._progress is None:
            assert self._lines is not None, "there is either a terminal or a log"
            return self._lines.stage(name, total, unit)
        return _Bar(self._progress, name, total)


class _Bar:
    def __init__(self, progress: RichProgress, name: str, total: int) -> None:
        self._course = Course(total, time.monotonic)
        self._progress = progress
        self._task = progress.add_task(name, total=total or None, course=self._course)

    def advance(self, rows: int = 1, **counters: int) -> None:
        self._course.advance(rows, counters)
        if rows:
            self._progress.advance(self._task, rows)

    def read(self, figures: Callable[[], Figures]) -> None:
        self._course.figures = figures

    def close(self) -> None:
        self._course.figures = dict
        done = self._progress.tasks[self._task].completed
        self._progress.update(self._task, total=done, completed=done)
        self._progress.stop_task(self._task)


class _Silent:
    def advance(self, rows: int = 1, **counters: int) -> None:
        """Nothing to show."""

    def read(self, figures: Callable[[], Figures]) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing to end."""
