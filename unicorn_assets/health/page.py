"""The page that answers "is my data good?": one file, no network address in it.

A heat map of shards and assets, what is wrong with which shard, the gates' rates against the release before, what was
spent, the last run. Here: words and layout. Not here: the states (states.py), the frame of a page (the root's page.py).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from unicorn_assets.graph import ASSETS, RELEASES
from unicorn_assets.health.rates import Rate
from unicorn_assets.health.states import LOOKS, WORST_FIRST, Cell, Health, State
from unicorn_assets.page import page, table

MANY = 120
"""From so many shards on, cells stand side by side without a line between them."""
TOLD = 100
LEGEND = {
    State.DAMAGED: "damaged or gone", State.FAILED: "failed a check that blocks", State.MISSING: "not made yet",
    State.STALE: "what it was made of changed", State.UNCHECKED: "not judged", State.WARNED: "a check warns",
    State.GOOD: "good",
}  # fmt: skip


@dataclass(frozen=True)
class About:
    """What the page says beside the states: the lake, when it was looked at, and facts by name."""

    lake: str
    at: str
    facts: Mapping[str, str]


def health_page(health: Health, rates: Sequence[Rate], about: About) -> str:
    """The whole page."""
    style = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    sections = [
        "<h1>Is the data good?</h1>",
        f'<p class="soft">{escape(about.lake)}, looked at {escape(about.at)}</p>',
        _verdict(health),
        _tiles(about.facts),
        "<h2>Shards and assets</h2>",
        _legend(),
        _map(health),
        *_wrong(health),
        *_gates(rates),
    ]
    return page("Is the data good?", sections, style + _colours())


def summary(health: Health) -> str:
    """The answer in one line."""
    counts = Counter(cell.state for row in health.cells.values() for cell in row.values())
    if set(counts) <= {State.GOOD, State.WARNED}:
        warned = f"; {counts[State.WARNED]:,} with a warning" if counts[State.WARNED] else ""
        return f"Yes: {len(health.shards):,} shards of {len(health.cells)} assets are good{warned}."
    told = ", ".join(f"{counts[state]:,} {state}" for state in WORST_FIRST if counts[state])
    is_bad = counts[State.DAMAGED] or counts[State.FAILED]
    return f"{'No' if is_bad else 'Not all of it is known to be good'}: {told}."


def _verdict(health: Health) -> str:
    return f'<p class="verdict" style="border-color:{LOOKS[health.worst()][1]}">{escape(summary(health))}</p>'


def _tiles(facts: Mapping[str, str]) -> str:
    tiles = (
        f'<div><b>{escape(name)}</b><div class="value">{escape(value)}</div></div>' for name, value in facts.items()
    )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _legend() -> str:
    marks = (f'<span><i class="{state}"></i>{escape(words)}</span> ' for state, words in LEGEND.items())
    return (
        f'<p class="legend">{"".join(marks)}<br>What is darker from the top is the share of rows in quarantine. '
        "A cell says what it is when pointed at.</p>"
    )


def _map(health: Health) -> str:
    many = " many" if len(health.shards) > MANY else ""
    lines = ["<b></b>", f'<div class="axis">{"".join(_sources(health.shards))}</div>']
    for asset, row in health.cells.items():
        cells = "".join(_cell(asset, shard, cell) for shard, cell in row.items())
        lines += [
            f"<b>{escape(asset)}</b>",
            f'<div class="strip{many if ASSETS[asset].by_shard else ""}">{cells}</div>',
        ]
    return f'<div class="map">{"".join(lines)}</div>'


def _sources(shards: Sequence[str]) -> Iterator[str]:
    """The sources above their shards."""
    for source, count in Counter(shard.rpartition("-")[0] for shard in shards).items():
        yield f'<span style="flex:{count} 1 0" title="{escape(source)}: {count:,} shards">{escape(source)}</span>'


def _cell(asset: str, shard: str, cell: Cell) -> str:
    figures = f", {cell.rows:,} rows" if cell.rows else ""
    figures += f", {cell.refused:.1%} in quarantine" if cell.refused else ""
    words = f"{asset} {shard}: {cell.state}{figures}{f'; {cell.words}' if cell.words else ''}"
    style = f' style="--q:{cell.refused:.0%}"' if cell.refused >= 0.005 else ""
    return f'<i class="{cell.state}"{style} title="{escape(words, quote=True)}"></i>'


def _wrong(health: Health) -> Iterator[str]:
    bad = health.bad()
    if not bad:
        return
    yield "<h2>What is wrong, and what mends it</h2>"
    rows = [(cell.state.value, asset, shard, cell.words, remedy(asset, shard)) for asset, shard, cell in bad[:TOLD]]
    yield table(("state", "asset", "shard", "what", "what to do"), rows)
    if len(bad) > TOLD:
        yield f'<p class="soft">and {len(bad) - TOLD:,} more</p>'


def remedy(asset: str, shard: str) -> str:
    """What a person can do about a shard that is damaged or failed."""
    if asset in RELEASES:
        return "unicorn verify --repair, then unicorn run"
    return f"unicorn run, or materialize {asset}" + (f" {shard}" if ASSETS[asset].by_shard else "")


def _gates(rates: Sequence[Rate]) -> Iterator[str]:
    if not rates:
        return
    yield "<h2>What the gates refuse</h2>"
    rows = []
    for each in rates:
        before = "" if each.before is None else f"{each.before:.2%}"
        change = "" if each.before is None else f"{each.share - each.before:+.2%}"
        rows.append((each.stage, each.reason, f"{each.rows:,}", f"{each.share:.2%}", before, change))
    yield table(("stage", "reason", "rows", "share now", "in the release before", "change"), rows)


def _colours() -> str:
    return "\n".join(
        f".{state} {{ background: linear-gradient(color-mix(in srgb, {colour} 55%, black) var(--q, 0%), {colour} "
        "var(--q, 0%)); }"
        for state, (_, colour, _) in LOOKS.items()
    )
