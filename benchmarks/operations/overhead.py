"""What the platform costs: a backfill of seeds and captions over 48 shards, against the same work in one process.

The backfill is real: the daemon cuts it into runs, each run a process, each step another, records on PostgreSQL, checks
after the assets. The bare work is the stage's own code over the same shards: same lake format, same journal, same LLM,
which answers at once, so that nothing hides behind its waits.

overhead_s_per_run: (CPU seconds of daemon, code server, runs, steps and PostgreSQL during the backfill - CPU seconds of
the bare work) / runs: what one core has to do, however busy the machine is. overhead_wall_s_per_run: by the clock,
which on a busy machine also counts what others do.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data import prepared
from platform_here import free_port, platform, say
from written_llm import asked

from unicorn_assets.generation.asking import Asker
from unicorn_assets.home import Home
from unicorn_assets.keys import asset_name
from unicorn_assets.lake.store import ALL, Lake, Made
from unicorn_assets.llm.spend.ledger import Ledger
from unicorn_assets.partitions import RANGE_END, RANGE_START
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.seeds.catalog import build_catalog, catalog_made, seeds_made, seeds_of, shards_of
from unicorn_assets.stages import stages

SHARDS, SHARD_ROWS, PATIENCE_S = 48, 40, 900


@contextmanager
def llm(port: int, log: Path) -> Iterator[None]:
    """The scripted LLM, a process of its own that answers at once."""
    command = [sys.executable, str(Path(__file__).with_name("written_llm.py")), str(port), str(log), "0"]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.kill()


def overhead(_: int, folder: Path, shards: int = SHARDS) -> dict[str, Any]:
    """Both, one after the other."""
    port, log = free_port(), folder / "asked"
    home = prepared(folder, f"http://127.0.0.1:{port}", shards * SHARD_ROWS)
    alone = Home(folder / "bare", str(folder / "bare" / "lake"), home.recipe)
    with llm(port, log):
        with platform(folder, home, {}) as here:
            here.wait(here.launch({"seed_catalog": [ALL], "image_reference": [ALL]}), PATIENCE_S)
            names = shards_of(Lake(home.lake_url).read("seed_catalog"))
            wall, cpu = time.perf_counter(), here.cpu_s()
            backfill = here.launch({"seeds": names, "caption_drafts": names})
            state = here.wait(backfill, PATIENCE_S)
            wall, cpu = time.perf_counter() - wall, here.cpu_s() - cpu
            runs = len(here.runs(backfill))
            for run in sorted(here.runs(backfill), key=lambda run: run.tags.get(RANGE_START, "")):
                assets = ", ".join(sorted(asset_name(key) for key in run.asset_selection or ()))
                say(f"{run.status.value}: {assets}, {run.tags.get(RANGE_START)} to {run.tags.get(RANGE_END)}")
            for words in () if state == "COMPLETED_SUCCESS" else here.failures(backfill):
                say(words)
            say(f"backfill of {len(names)} shards: {state}, {runs} runs, {wall:.1f} s, {cpu:.1f} s of CPU")
        calls = asked(log).calls
        bare_wall, bare_cpu = time.perf_counter(), time.process_time()
        bare(alone)
        bare_wall, bare_cpu = time.perf_counter() - bare_wall, time.process_time() - bare_cpu
        assert asked(log).calls == 2 * calls
    left, right = Lake(home.lake_url), Lake(alone.lake_url)
    assert all(left.read("caption_drafts", name).equals(right.read("caption_drafts", name)) for name in names)
    return {
        "overhead_s_per_run": round((cpu - bare_cpu) / runs, 2),
        "overhead_wall_s_per_run": round((wall - bare_wall) / runs, 2),
        "overhead_runs": runs, "overhead_shards": len(names), "overhead_questions": calls, "overhead_state": state,
        "overhead_backfill_s": round(wall, 1), "overhead_backfill_cpu_s": round(cpu, 1),
        "overhead_bare_s": round(bare_wall, 1), "overhead_bare_cpu_s": round(bare_cpu, 1),
    }  # fmt: skip


def bare(home: Home) -> None:
    """Seeds and drafts of all shards, by the rooms that know nothing of Dagster."""
    recipe, lake = load_recipe(home.recipe), Lake(home.lake_url)
    catalog = build_catalog(recipe, None).catalog
    lake.write("seed_catalog", ALL, catalog, catalog_made(recipe))
    stage = stages(recipe)["caption_drafts"]
    with Asker(recipe.llm, lake.url, lake.files, home.logs, recipe.folder) as asker:
        for shard in shards_of(catalog):
            seeds = seeds_of(catalog, shard)
            lake.write("seeds", shard, seeds, seeds_made(recipe, seeds, shard))
            ask, _ = asker.asking(Ledger().observe)
            frame, refused = stage.run(lake.read("seeds", shard), ask)
            made = Made(recipe.name, stage.version)
            lake.write(f"quarantine/{stage.name}", shard, refused, made)
            lake.write(stage.name, shard, frame, made)
