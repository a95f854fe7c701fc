"""What the search for near duplicates costs and finds in captions of the paper's number and length.

A lake of drafts is written (corpus.py), searched from scratch, and searched again with a shard more; each search is a
process of its own whose peak memory and CPU time are taken. Of the captions one in a hundred is an edit of another;
those whose similarity reaches the threshold have to be found, and whatever else is refused is a genuine row lost.
Leaks of benchmarks' items are planted by leaks.py, repeats of meaning are measured by meanings.py.

    python benchmarks/dedup.py [--json] [--rows 1243195] [--folder DIR]     (2 GB of disk in DIR, or in /tmp)
    python benchmarks/dedup.py --meaning [--rows 200000]                    (5 KB of disk a row, in /tmp)
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import leaks
import meanings
import polars as pl
from corpus import Corpus

from unicorn_assets.captions.repeats import TABLE, compare, version
from unicorn_assets.curation.signatures import jaccard, shingles
from unicorn_assets.lake.store import ALL, Lake, Made
from unicorn_assets.lake.verdicts import look
from unicorn_assets.recipe import Recipe

ROWS = 1_243_195
SHARD_ROWS = 4096
RECIPE = Recipe.model_validate({"name": "dedup", "sources": [{"name": "c", "path": "c.txt"}], "llm": {}})
DRAFTS = "caption_drafts"


def write(lake: Lake, corpus: Corpus, first: int, last: int) -> None:
    """A shard of drafts."""
    texts = [corpus.text(number) for number in range(first, last)]
    frame = pl.DataFrame({"caption_id": [f"c{number:016x}" for number in range(first, last)], "text": texts})
    frame = frame.with_columns(
        words=pl.col("text").str.split(" ").list.len(), seed_id=pl.col("caption_id").str.replace("c", "s"),
        model=pl.lit("m"), request_hash=pl.lit(""), prompt_version=pl.lit("dense"), drafts=pl.lit(1),
    )  # fmt: skip
    lake.write(DRAFTS, f"c-{first // SHARD_ROWS:05d}", frame, Made("dedup", "benchmark"))


def search(url: str) -> dict[str, Any]:
    """Bring the table up to date, as its asset does."""
    start = time.perf_counter()
    lake = Lake(url)
    seen = look(lake, DRAFTS, lake.shards(DRAFTS), deep=False)
    infos = {shard: each.info for shard, each in seen.items() if each.info is not None}
    frame, figures = compare(lake, RECIPE, infos, lake.info(TABLE))
    parents = {f"{DRAFTS}/{shard}": info.content for shard, info in infos.items()}
    lake.write(TABLE, ALL, frame, Made("dedup", version(RECIPE), parents), figures)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "s": round(time.perf_counter() - start, 1), "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "mb": round(used.ru_maxrss / 1024), "load": round(os.getloadavg()[0], 1), **figures,
    }  # fmt: skip


def apart(url: str) -> dict[str, Any]:
    """`search` in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--search", url], check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def found_and_lost(lake: Lake, corpus: Corpus, rows: int) -> dict[str, Any]:
    """Of the planted pairs those that count and were found; refused rows that repeat nothing."""
    limits = RECIPE.near_duplicates

    def similarity(one: int, other: int) -> float:
        return jaccard(*(shingles(corpus.text(number), limits.shingle_chars) for number in (one, other)))

    pairs = [(number, base) for number in range(rows) if (base := corpus.base(number)) is not None]
    similar = {number for number, base in pairs if similarity(number, base) >= limits.threshold}
    table = lake.read(TABLE)
    refused = {int(one[1:], 16): int(other[1:], 16) for one, other in table.select("caption_id", "duplicate_of").rows()}
    # An edit of an edited caption's original is found by way of either.
    lost = sum(similarity(one, other) < limits.threshold for one, other in refused.items())
    return {
        "near_duplicates_found": round(len(similar & set(refused)) / max(1, len(similar)), 4),
        "genuine_rows_lost": lost, "planted": len(pairs), "planted_similar": len(similar), "refused": len(refused),
    }  # fmt: skip


def measure(folder: Path, rows: int) -> dict[str, Any]:
    """All figures of a lake that is made in `folder`."""
    lake, corpus = Lake(str(folder / "lake")), Corpus()
    known = set(lake.shards(DRAFTS))
    for first in range(0, rows, SHARD_ROWS):
        if f"c-{first // SHARD_ROWS:05d}" not in known:
            write(lake, corpus, first, min(rows, first + SHARD_ROWS))
    print(f"{rows:,} captions are there", file=sys.stderr)
    whole = apart(lake.url)
    print(f"searched: {whole}", file=sys.stderr)
    more = -(-rows // SHARD_ROWS) * SHARD_ROWS
    write(lake, corpus, more, more + SHARD_ROWS)
    added = apart(lake.url)
    print(f"searched with a shard more: {added}", file=sys.stderr)
    quality = found_and_lost(lake, corpus, rows)
    leaked = leaks.measure(corpus, min(rows, leaks.CLEAN))
    figures = {
        "rows": rows, "dedup_paper_scale_s": whole["s"], "dedup_paper_scale_mb": whole["mb"],
        "near_duplicates_found": quality.pop("near_duplicates_found"),
        "genuine_rows_lost": quality.pop("genuine_rows_lost"), "dedup_add_shard_s": added["s"],
        "leaks_found": leaked.pop("leaks_found"), "leaks_false": leaked.pop("leaks_false"),
    }  # fmt: skip
    return {"figures": figures, "whole": whole, "added": added, **quality, "leaks": leaked}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--folder", type=Path, help="where the lake is made, or was; it is kept")
    parser.add_argument("--meaning", action="store_true", help="measure repeats of meaning instead")
    parser.add_argument("--search", metavar="LAKE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.search:
        print(json.dumps(search(options.search)))
        return
    if options.meaning:
        print(json.dumps(meanings.measure(options.rows), indent=2))
        return
    if options.folder is not None:
        found = measure(options.folder, options.rows)
    else:
        with tempfile.TemporaryDirectory(prefix="unicorn-dedup-") as folder:
            found = measure(Path(folder), options.rows)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found["figures"].items():
        print(f"{name:<24} {value:>12,}")


if __name__ == "__main__":
    main()
