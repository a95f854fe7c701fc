"""The figures of a whole run, and a table for people."""

from collections.abc import Sequence
from typing import Any

from modes import Mode
from walk import Row

KINDS = ("hangs", "tracebacks", "poisoned", "keys_leaked", "untrue")


def figures_of(modes: Sequence[Mode], rows: Sequence[Row], damage: dict[str, Any]) -> dict[str, Any]:
    """Modes (those that another stands for counted too), what was found by kind, memory of the largest run."""
    figures: dict[str, Any] = {"modes": sum(max(1, len(mode.covers)) for mode in modes)}
    figures |= {"hangs": sum(len(row.hangs) for row in rows), "tracebacks": sum(len(row.tracebacks) for row in rows)}
    figures |= {
        "poisoned": sum(bool(row.poisoned) for row in rows),
        "keys_leaked": sum(len(row.keys_leaked) for row in rows),
    }
    figures |= {"untrue": sum(len(row.untrue) for row in rows)}
    figures |= {name: damage.get(name, 0) for name in ("silent_changes", "flipped_bits")}
    return figures | {"peak_rss_mb": max((row.rss_mb for row in rows), default=0.0)}


def table_of(rows: Sequence[Row], figures: dict[str, Any]) -> str:
    """One line per mode, its findings below it."""
    lines = []
    for row in rows:
        lines.append(
            f"{'ok ' if row.good else 'BAD'} {row.mode:<28} exit {row.code} {row.seconds:6.1f} s {row.lines:3} lines  "
            f"{row.last[:100]}"
        )
        lines += [f"      {kind}: {found}" for kind in KINDS for found in getattr(row, kind)[:6]]
    return "\n".join([*lines, "", *(f"{name}: {value}" for name, value in figures.items())])
