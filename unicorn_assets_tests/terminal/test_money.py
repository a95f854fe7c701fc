"""What is printed of money is never below nothing, NaN or infinite, wherever it is printed; no colour where none is
wanted.
"""

import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.text import Text

from unicorn_assets.llm.settings import Budget
from unicorn_assets.llm.spend.budget import reached_text
from unicorn_assets.llm.spend.ledger import usd_text
from unicorn_assets.llm.spend.records import Amount
from unicorn_assets.plan.estimate import Range
from unicorn_assets.plan.make import Plan
from unicorn_assets.resources.progress_observer import ProgressObserver
from unicorn_assets.terminal.console import SafeConsole
from unicorn_assets.terminal.plan import plan_sentences
from unicorn_assets.terminal.report import Report, TableReport
from unicorn_assets.terminal.tables import report_table

SUMS = st.one_of(st.floats(-1e-6, 1e-6), st.floats(0, 1e9), st.sampled_from([-1.7e-18, -0.0, 1e-300, -5e-7]))


def printed(*things: Any) -> str:
    console = SafeConsole(file=io.StringIO(), width=200)
    for thing in things:
        console.print(thing)
    return console.file.getvalue()


def report(usd: float) -> Report:
    tables = {"caption_drafts": TableReport(1, 1, cost_usd=usd)}
    return Report("lake", [], tables, None, {}, {"calls": 1, "tokens": 1, "usd": usd}, [])


@given(usd=SUMS)
@example(usd=-1.7e-18)
def test_no_sum_of_money_is_below_nothing(usd: float) -> None:
    money = Range(usd, usd, usd)
    plan = Plan("r", "lake", "m", 1, None, {}, usd=money, gpu_usd=money, upper_bound=Amount(1, 1, usd),
                spent=Amount(1, 1, usd))  # fmt: skip
    reached = reached_text(Amount(1, 1, usd), Amount(0, 0, usd), Budget(usd=1.0, tokens=None, calls=None))
    asker = SimpleNamespace(in_flight=0, spent_usd=usd, base_urls=())
    bar = ProgressObserver(SimpleNamespace(read=lambda figures: None), asker).figures()  # type: ignore[arg-type]
    said = printed(report_table(report(usd)), *plan_sentences(plan), reached, f"{usd_text(usd)} USD", f"{bar['USD']}")
    assert not re.search(r"(?<![\w.])-\d|\bnan\b|\binf\b", said), said


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "TERM": "xterm"}])
def test_no_colours_where_nobody_wants_them(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    is_terminal = "NO_COLOR" in environment or "TERM" in environment
    stream = io.StringIO()
    stream.isatty = lambda: is_terminal  # type: ignore[method-assign]
    console = SafeConsole(file=stream, width=100)
    console.print(Text.assemble(("error", "bold red"), " what went wrong"))
    console.print(report_table(report(0.1)))
    assert not re.search(r"\x1b\[[\d;]*(3\d|4\d|9\d|10\d)[\d;]*m", stream.getvalue()), "a colour"
    if not is_terminal:
        assert "\x1b" not in stream.getvalue()


def test_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    SafeConsole(file=stream).print(Text.assemble(("error", "bold red")))
    assert "\x1b[1;31m" in stream.getvalue()
