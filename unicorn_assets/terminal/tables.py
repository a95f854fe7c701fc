"""Tables for people. Gathering is in report.py."""

import json
from collections.abc import Mapping

import polars as pl
from rich import box
from rich.table import Table
from rich.text import Text

from unicorn_assets.gap import best
from unicorn_assets.redaction import redact_known
from unicorn_assets.terminal.console import plain, to_json
from unicorn_assets.terminal.report import Report

SHOWN_METRICS = (
    "centred_distance", "centroid_distance", "frechet_distance", "linear_separability", "knn_mixing",
    "neighbour_overlap", "paired_cosine", "relative_modality_gap",
)  # fmt: skip


def report_table(report: Report, seconds: Mapping[str, float] | None = None) -> Table:
    """Rows, quarantine, tokens and, for a run that just ended, seconds of every table."""
    table = Table(title=f"lake {report.lake}", title_justify="left", header_style="bold", caption_justify="left")
    for name, justify in (("table", "left"), ("shards", "right"), ("rows", "right"), ("quarantined by reason", "left"),
                          ("LLM tokens", "right")):  # fmt: skip
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    priced = any(made.cost_usd is not None for made in report.tables.values())
    if priced:
        table.add_column("spent USD", justify="right")
    if seconds is not None:
        table.add_column("seconds", justify="right")
    for name, made in report.tables.items():
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in made.quarantined.items())
        tokens = f"{made.completion_tokens:,}" if made.completion_tokens else ""
        cells = [name, f"{made.shards:,}", f"{made.rows:,}", reasons, tokens]
        cells += [f"{max(0.0, made.cost_usd):,.4f}" if made.cost_usd is not None else ""] if priced else []
        table.add_row(*cells, *([f"{seconds[name]:,.1f}" if name in seconds else ""] if seconds is not None else []))
    spent = report.spent
    if spent["calls"]:
        usd = f", {spent['usd']:,.4f} USD" if spent["usd"] >= 5e-5 else ""
        table.caption = f"spent over all runs: {spent['calls']:,} calls, {spent['tokens']:,} tokens{usd}"
    return table


def gap_table(report: Report) -> Table | None:
    """The gap before and after the move with 95 % intervals, in the measures that say most, a line each on 80 columns;
    what they mean is in the report page.
    """
    if report.gap is None or not report.gap["after"]:
        return None
    table = Table(
        title=f"modality gap, method {report.gap['method']}", title_justify="left", header_style="bold",
        box=box.SIMPLE_HEAD, padding=0, show_edge=False,
    )  # fmt: skip
    for name in ("metric", "before", "after", "best"):
        table.add_column(name, justify="left" if name == "metric" else "right", no_wrap=True)
    before, after = report.gap["before"], report.gap["after"]
    for metric in SHOWN_METRICS:
        if metric in after:
            cells = [_interval(state[metric]) if metric in state else "" for state in (before, after)]
            wanted = best(metric)
            table.add_row(metric, *cells, "" if wanted is None else f"{wanted:g}")
    return table


def gap_page(report: Report) -> str:
    """Where all figures and plots of the gap are; on one line of its own, so that it can be copied."""
    if report.gap and report.gap.get("unmeasured"):
        return f"gap not measured: {report.gap['unmeasured']}"
    return f"gap report: {report.gap['page']}" if report.gap else ""


def journal_line(report: Report) -> str | None:
    """How many parts of the journal were set aside, if any."""
    if not report.damaged:
        return None
    return (
        f"journal: {len(report.damaged)} damaged parts were set aside ({report.damaged[0]}); what could be read is "
        "kept, the rest is asked again"
    )


def damage_lines(report: Report) -> list[str]:
    """A line for each file that cannot be used, and one that says when all were last verified."""
    if report.verified is None:
        return [*report.not_there, "never verified: `unicorn verify` reads every file"]
    found = len(report.verified["findings"])
    what = f"{found:,} damaged" if found else "all as they were written"
    if found and report.verified["repaired"]:
        what += ", set aside"
    return [*report.not_there, f"verified {report.verified['at']}: {report.verified['files']:,} files, {what}"]


def _interval(estimate: Mapping[str, float]) -> Text:
    return Text.assemble(f"{estimate['value']:.3f} ", (f"({estimate['low']:.3f} to {estimate['high']:.3f})", "dim"))


def row_blocks(frame: pl.DataFrame) -> list[Table]:
    """Each row as a block of its own, one column a line: the tables are too wide for a terminal."""
    blocks = []
    for row in frame.iter_rows(named=True):
        block = Table(box=box.HORIZONTALS, show_header=False, pad_edge=False)
        block.add_column(style="dim")
        block.add_column(overflow="fold")
        for column, value in row.items():
            words = (
                value
                if isinstance(value, str)
                else json.dumps(to_json(value, redact_known), indent=1, ensure_ascii=False)
            )
            block.add_row(plain(column), plain(redact_known(words)))
        blocks.append(block)
    return blocks
