"""Log lines and the figures behind them: speeds of late, replayed rows left out."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from unicorn_assets.progress import WINDOW_S, Course, LogProgress, Speed
from unicorn_assets.terminal.bars import shown_on


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_each_interval_and_one_at_the_end() -> None:
    lines: list[str] = []
    clock = Clock()
    stage = LogProgress(lines.append, every_s=30, clock=clock).stage("captions", 100)
    stage.read(lambda: {"in flight": 8, "USD": 0.25})
    for second in range(1, 61):
        clock.now = float(second)
        stage.advance(1, tokens=50, accepted=1)
    stage.read(dict)
    stage.close()
    assert len(lines) == 3
    assert lines[0] == (
        "captions: 30 of 100 rows, tokens 1,500, accepted 30, in flight 8, USD 0.25, 1.0 rows/s, 50 tokens/s, "
        "about 70 s left"
    )
    assert lines[-1] == "captions: 60 of 100 rows, tokens 3,000, accepted 60, 1.0 rows/s, 50 tokens/s, in 60.0 s"


def test_rows_from_the_journal_do_not_promise_a_speed() -> None:
    clock = Clock()
    course = Course(10_000, clock)
    clock.now = 1.0
    course.advance(5000, {"accepted": 5000, "replayed": 5000})
    assert course.seconds_left() is None
    for second in range(2, 40):
        clock.now = float(second)
        course.advance(2, {"accepted": 2})
    rows_per_s, _ = course.rates()
    assert rows_per_s == pytest.approx(2.0, rel=0.1)
    assert course.seconds_left() == pytest.approx((10_000 - course.done) / rows_per_s)


def test_the_speed_is_that_of_late() -> None:
    clock = Clock()
    course = Course(10_000, clock)
    for second in range(1, 300):
        clock.now = float(second)
        course.advance(10 if second < 100 else 1, {"tokens": 100 if second < 100 else 10})
    assert course.rates() == pytest.approx((1.0, 10.0), rel=0.1)


@given(st.lists(st.tuples(st.floats(0.01, 20), st.integers(0, 50)), min_size=1, max_size=200))
def test_a_window_never_counts_a_row_twice_nor_spans_much_more_than_a_window(steps: list[tuple[float, int]]) -> None:
    now, arrived = 0.0, []
    speed = Speed(now)
    for pause, rows in steps:
        now += pause
        speed.add(now, rows, 0)
        arrived.append((now, rows))
    rate = speed.rates(now)[0]
    assert 0 <= rate * now <= sum(rows for _, rows in arrived) * now / min(now, WINDOW_S) * 1.001
    if now <= WINDOW_S:
        assert rate == pytest.approx(sum(rows for _, rows in arrived) / now)


def test_a_bar_shows_counts_money_and_speed() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=200, color_system=None)
    with shown_on(console) as listener:
        stage = listener.stage("caption_drafts", 4)
        stage.read(lambda: {"in flight": 3, "USD": 0.5})
        stage.advance(0, tokens=1234)
        stage.advance(2, accepted=2)
        stage.advance(1, quarantined=1)
    assert isinstance(console.file, io.StringIO)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    for words in ("3/4", "1,234 tokens", "2 accepted", "1 quarantined", "3 in flight", "0.5 USD"):
        assert words in shown
