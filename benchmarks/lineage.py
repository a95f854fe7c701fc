"""Seconds of `unicorn lineage` and `unicorn impact` on a lake of the paper's size, as a person waits for them.

The lake is made by synthetic_lake.py in a temporary folder and removed afterwards (6 GB, minutes of one core);
each command is a process of its own, its start included. `lineage_s` and `impact_s` are the slowest of their kind.

    python benchmarks/lineage.py [--json] [--rows 1243195] [--home FOLDER]      (--home: one that was made and is kept)
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl
from synthetic_lake import make

from unicorn_assets.lake.store import Lake

ROWS = 1_243_195
TIMES = 3
CHANGES = {
    "prompt": ("--prompt", "dense"), "model": ("--model", "writer-8b"), "source": ("--source", "extra"),
    "gate": ("--gate", "captions.max_sentences=6"), "gate of a task": ("--gate", "question_answering.min_pairs=5"),
}  # fmt: skip


def seconds(home: Path, *arguments: str) -> float:
    """Wall-clock time of one command."""
    command = [sys.executable, "-m", "unicorn_assets", *arguments, "--json", "--home", str(home)]
    # Where packages are installed they are compiled, whatever the shell of who measures says.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - start


def ids(lake: Lake) -> dict[str, str]:
    """One id of each kind, of a shard in the middle."""
    shards = lake.shards("seeds")
    captions = lake.read("captions", shards[len(shards) // 2]).filter(pl.col("task").is_not_null())
    caption = captions.row(captions.height // 2, named=True)
    records = lake.read("instructions", shards[len(shards) // 2])
    refused = lake.read("quarantine/caption_drafts", shards[0])
    return {
        "caption": caption["caption_id"], "seed": caption["seed_id"], "instruction": records["instruction_id"][-1],
        "refused seed": refused["row_id"][0], "line of a source": "notes.txt:99",
        "record of a release": "unicorn_1_2m:99", "shard": shards[-1],
    }  # fmt: skip


def measure(home: Path) -> dict[str, Any]:
    """The figures of a lake that is there; of several runs of a command the median."""
    lake = Lake(str(home / "lake"))
    recipe = ("--recipe", str(home / "recipe.yaml"))

    def median(*arguments: str) -> float:
        return round(sorted(seconds(home, *arguments) for _ in range(TIMES))[TIMES // 2], 2)

    chains = {kind: median("lineage", row_id, *recipe) for kind, row_id in ids(lake).items()}
    changes = {kind: median("impact", *words, *recipe) for kind, words in CHANGES.items()}
    changes["seed"] = median("impact", "--seed", ids(lake)["seed"], *recipe)
    rows = sum(info.rows for shard in lake.shards("seeds") if (info := lake.info("seeds", shard)) is not None)
    figures = {"rows": rows, "lineage_s": max(chains.values()), "impact_s": max(changes.values())}
    return {"figures": figures, "lineage": chains, "impact": changes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    if options.home is not None:
        found = measure(options.home)
    else:
        with tempfile.TemporaryDirectory(prefix="unicorn-lineage-") as folder:
            make(Path(folder), options.rows, lambda words: print(words, file=sys.stderr))
            found = measure(Path(folder))
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for part in ("lineage", "impact"):
        for kind, taken in found[part].items():
            print(f"{part:<8} {kind:<20} {taken:6.2f} s")


if __name__ == "__main__":
    main()
