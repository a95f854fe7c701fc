"""The whole graph at the paper's size on this machine: seconds and memory of each asset, and the same at a tenth.

    python benchmarks/paper_scale.py [--json] [--seeds 1243195] [--work FOLDER] [--only-full]

The paper's recipe as shipped, with sources cut to `--seeds`, runs through `unicorn run`: catalog, shards, gates, near
duplicates, transfer, gap, checks, releases, Dagster's records. Two things are played: the LLM, a process that writes
captions of 129 words and pairs about them at once, and the encoder, hashed words in 1,280 dimensions.

paper_scale_beside_llm_s: the sum over all steps of their seconds; of a step that asks the LLM the CPU seconds of the
platform's processes, if they are fewer (one cannot tell what it waits for from what it does meanwhile); of
text_embeddings less what the encoder took. What lies between the steps counts too.
paper_scale_peak_mb: the most that the platform's processes held, shared pages counted once (the LLM's own left out).
growth: of each asset of at least ten seconds, its seconds over those at a tenth times ten; the worst.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).with_suffix("")))
from encoder import SPENT, write_images
from steps import Step, steps_of
from watching import Watch
from writer import seed_text

from unicorn_assets.graph import ASSETS
from unicorn_assets.home import Home
from unicorn_assets.lake.released import latest_release
from unicorn_assets.lake.store import Lake

ROOT, PARTS = Path(__file__).parents[1], Path(__file__).with_suffix("")
PAPER, OPEN = 1_243_195, 1_250_000 / 1_357_000
ASKING_STEPS = {asset.step or asset.name for asset in ASSETS.values() if asset.asks}
BETWEEN = "between steps"
WORTH_S = 10.0


@contextmanager
def writer() -> Iterator[str]:
    """The LLM; gives its address."""
    with subprocess.Popen(
        [sys.executable, str(PARTS / "writer.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def write_recipe(folder: Path, url: str, seeds: int) -> Path:
    """The paper's recipe over that many seeds: open ones from a file, the rest of 18 domains."""
    recipes = ROOT / "recipes"
    raw = yaml.safe_load((recipes / "unicorn-1.2m.yaml").read_text(encoding="utf-8"))
    lines = round(seeds * OPEN)
    with (folder / "open.txt").open("w", encoding="utf-8") as file:
        file.writelines(f"{seed_text(number)}\n" for number in range(lines))
    domains = raw["sources"][1:]
    del domains[max(1, seeds - lines) :]
    for place, source in enumerate(domains):
        most = (seeds - lines) // len(domains) + (place < (seeds - lines) % len(domains))
        source |= {"max_rows": most, **{key: str(recipes / source[key]) for key in ("labels", "templates")}}
    raw["sources"] = [{"name": "open-domain", "path": "open.txt"}, *domains]
    raw["llm"] = {"endpoint": "url", "url": url, "model": "writer", "concurrency": 256}
    raw["captions"]["prompt"] = str(recipes / raw["captions"]["prompt"])
    del raw["encoder"]
    write_images(folder / "images.npy")
    raw["image_reference"] = {"kind": "vectors", "path": "images.npy"}
    # Words without meaning lie as they lie; the release is cut all the same.
    raw["checks"] = {"max_gap_after": 9, "max_separability_after": 1, "min_neighbour_overlap": 0}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    return folder / "recipe.yaml"


def run(folder: Path, seeds: int) -> dict[str, Any]:
    """One size, from nothing to releases."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    spent, home = folder / "encoder.txt", folder / "home"
    spent.touch()
    with writer() as url, (folder / "run.log").open("wb") as log:
        recipe = write_recipe(folder, url, seeds)
        command = [sys.executable, str(PARTS / "command.py"), "run", "--recipe", str(recipe), "--home", str(home)]
        begun = time.time()
        with (
            subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, SPENT: str(spent)}) as process,
            Watch(process.pid) as watch,
        ):
            code = process.wait()
        ended = time.time()
    if code:
        sys.exit(f"unicorn run ended with {code}: see {folder / 'run.log'}")
    place = Home(home, str(home / "lake"), recipe)
    encoder_s = sum(map(float, spent.read_text().split()))
    return {
        "seeds": seeds, "seconds": round(ended - begun, 1), "encoder_s": round(encoder_s, 1),
        "peak_mb": round(watch.peak_mb()), **rows_of(Lake(place.lake_url)),
        "assets": by_asset(list(steps_of(place)), watch, encoder_s, begun, ended),
    }  # fmt: skip


def rows_of(lake: Lake) -> dict[str, int]:
    """What came out."""
    found = {}
    for table in ("captions", "instructions"):
        infos = [lake.info(table, shard) for shard in lake.shards(table)]
        found[table] = sum(info.rows for info in infos if info)
    releases = [name for name in ASSETS if latest_release(lake, name)]
    return {**found, "releases": len(releases)}


def by_asset(steps: list[Step], watch: Watch, encoder_s: float, begun: float, ended: float) -> dict[str, Any]:
    """Seconds by the clock and of CPU, those that count, and the most memory, of each asset and between the steps."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(("seconds", "cpu_s", "counts_s", "mb"), 0.0))
    for step in steps:
        cpu = watch.cpu_s(step.begun, step.ended)
        counts = step.seconds
        if step.name in ASKING_STEPS:
            counts = min(counts, cpu)
        elif step.name == "text_embeddings":
            counts = max(0.0, counts - encoder_s)
        row = found[step.name]
        row["seconds"] += step.seconds
        row["cpu_s"] += cpu
        row["counts_s"] += counts
        row["mb"] = max(row["mb"], watch.peak_mb(step.begun, step.ended))
    between = ended - begun - sum(step.seconds for step in steps)
    found[BETWEEN] = {"seconds": between, "cpu_s": 0.0, "counts_s": between, "mb": 0.0}
    return {name: {key: round(value, 1) for key, value in row.items()} for name, row in found.items()}


def figures(full: dict[str, Any], tenth: dict[str, Any] | None) -> dict[str, Any]:
    """The keys, as the first lines of this file explain them."""
    found = {
        "paper_scale_seeds": full["seeds"],
        "paper_scale_beside_llm_s": round(sum(row["counts_s"] for row in full["assets"].values()), 1),
        "paper_scale_peak_mb": full["peak_mb"],
    }
    if tenth:
        growths = {
            name: row["counts_s"] / (tenth["assets"][name]["counts_s"] * full["seeds"] / tenth["seeds"])
            for name, row in full["assets"].items()
            if row["counts_s"] >= WORTH_S and tenth["assets"].get(name, {}).get("counts_s")
        }
        worst = max(growths, key=growths.__getitem__, default="")
        found |= {"growth": round(growths.get(worst, 0.0), 2), "growth_asset": worst}
    return found


def shown(size: dict[str, Any]) -> str:
    """One size as a table."""
    head = f"{size['seeds']:,} seeds: {size['captions']:,} captions, {size['instructions']:,} records, " \
           f"{size['seconds']:,.0f} s, at most {size['peak_mb']:,} MB"  # fmt: skip
    rows = [f"  {'asset':28} {'seconds':>9} {'CPU s':>9} {'counts':>9} {'MB':>7}"]
    for name, row in sorted(size["assets"].items(), key=lambda each: -each[1]["counts_s"]):
        rows.append(f"  {name:28} {row['seconds']:9.1f} {row['cpu_s']:9.1f} {row['counts_s']:9.1f} {row['mb']:7.0f}")
    return "\n".join([head, *rows])


def main() -> int:
    """Print the figures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="one JSON document")
    arguments.add_argument("--seeds", type=int, default=PAPER, help="at full size")
    arguments.add_argument("--work", type=Path, help="folder that stays; else a temporary one")
    arguments.add_argument("--only-full", action="store_true", help="leave the tenth out, and with it `growth`")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="unicorn-scale-") as scratch:
        work = chosen.work or Path(scratch)
        tenth = None if chosen.only_full else run(work / "tenth", chosen.seeds // 10)
        if tenth and not chosen.json:
            print(shown(tenth), flush=True)
        full = run(work / "full", chosen.seeds)
    found = figures(full, tenth)
    sizes = [size for size in (tenth, full) if size]
    print(json.dumps({"figures": found, "sizes": sizes}, indent=1) if chosen.json else f"{shown(full)}\n{found}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
