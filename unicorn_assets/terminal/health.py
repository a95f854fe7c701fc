"""The states of all shards in a terminal: a strip for each asset, and a line for each shard that is bad.

The letters say it without colours (NO_COLOR). Here: drawing. Not here: the states (health/).
"""

from collections.abc import Iterator, Sequence

from rich.text import Text

from unicorn_assets.health.page import remedy, summary
from unicorn_assets.health.states import LOOKS, WORST_FIRST, Cell, Health, State

NAMES = 24
"""Columns for names of assets."""
TOLD = 10


def health_lines(health: Health, width: int) -> Iterator[Text]:
    """Lines of at most `width` columns; where there are more shards than columns a cell is the worst of several."""
    state = health.worst()
    yield Text.assemble(("state ", "bold"), (summary(health), "" if state is State.GOOD else LOOKS[state][2]))
    for asset, row in health.cells.items():
        line = Text(f"{asset:<{NAMES}} ")
        for cells in _shared(list(row.values()), max(10, width - NAMES - 2)):
            letter, _, colour = LOOKS[min((cell.state for cell in cells), key=WORST_FIRST.index)]
            line.append(letter, f"bold {colour}")
        yield line
    present = {cell.state for row in health.cells.values() for cell in row.values()}
    legend = [f"{LOOKS[state][0]} {state}" for state in WORST_FIRST if state in present]
    yield Text("  ".join(legend), "dim")
    bad = health.bad()
    for asset, shard, cell in bad[:TOLD]:
        yield Text.assemble(
            (cell.state, f"bold {LOOKS[cell.state][2]}"), f" {asset} {shard}: {cell.words}; {remedy(asset, shard)}"
        )
    if len(bad) > TOLD:
        yield Text(f"and {len(bad) - TOLD:,} more; `unicorn status --html FILE` shows all")


def _shared(cells: Sequence[Cell], columns: int) -> Iterator[Sequence[Cell]]:
    """The cells in at most so many groups of neighbours."""
    groups = min(columns, len(cells))
    for number in range(groups):
        yield cells[number * len(cells) // groups : (number + 1) * len(cells) // groups]
