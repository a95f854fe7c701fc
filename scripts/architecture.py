"""Draw the graph into docs/architecture.md from graph.py: a picture and a table. A test keeps it current."""

import re
import sys
from pathlib import Path

from unicorn_assets.graph import ASSETS, Asset

FILE = Path(__file__).parent.parent / "docs" / "architecture.md"
BEGIN, END = "<!-- from graph.py: python scripts/architecture.py -->", "<!-- end -->"


def page(text: str) -> str:
    """The page with its picture and table made anew."""
    made = "\n\n".join([BEGIN, _picture(), _table(), END])
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: made, text, flags=re.DOTALL)


def _picture() -> str:
    lines = ["```mermaid", "flowchart TD"]
    for group in dict.fromkeys(asset.group for asset in ASSETS.values()):
        lines.append(f"  subgraph group_{group}[{group}]")
        lines += [f"    {_node(asset)}" for asset in ASSETS.values() if asset.group == group]
        lines.append("  end")
    lines += [f"  {parent} --> {asset.name}" for asset in ASSETS.values() for parent in asset.parents]
    return "\n".join([*lines, "```"])


def _node(asset: Asset) -> str:
    """Rectangles are partitioned, rounded boxes stand for all shards, and a hexagon asks an LLM."""
    if asset.asks:
        return f'{asset.name}{{{{"{asset.name}"}}}}'
    return f'{asset.name}["{asset.name}"]' if asset.by_shard else f'{asset.name}("{asset.name}")'


def _table() -> str:
    rows = [
        f"| `{a.name}` | {a.kind} | {'shard' if a.by_shard else 'whole'} | {'LLM' if a.asks else ''} | {a.about} |"
        for a in ASSETS.values()
    ]
    return "\n".join(["| asset | kept as | scope | asks | holds |", "|---|---|---|---|---|", *rows])


if __name__ == "__main__":
    FILE.write_text(page(FILE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")
