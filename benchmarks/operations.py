"""What an operator meets: changes that nights have to mend, and damage that no view may show as good.

    python benchmarks/operations.py [--json] [--only night_repairs] [--count 20]      (about 6 minutes of one CPU core)

night_repairs: planted changes of seven kinds, each followed by a night; of them those that are right in the next
release: every shard as the recipe wants it, the newest release of exactly what the lake holds, its files sound, and
what was damaged the same as before. Afterwards `unicorn run` must find nothing to do.
wrong_green: shards damaged one at a time; while others run, Dagster's checks, `unicorn status` and the heat map are
read. Counted are views that show the shard, or its asset, as good.

LLM: a script on loopback; encoder: a stand-in; Dagster's records: in memory, and the daemon's part is played in this
process (unicorn_assets_tests/automation/test_night_daemon.py has the real one).
"""

import argparse
import json
import logging
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from unicorn_assets.automation.looking import look_at, wanted_of
from unicorn_assets.automation.night_plan import RIGHT
from unicorn_assets.graph import RELEASES
from unicorn_assets.health import State, health
from unicorn_assets.health.page import About, health_page
from unicorn_assets.lake.released import latest_release, release_folder, release_manifest
from unicorn_assets.lake.shards import shard_info
from unicorn_assets.lake.store import Lake
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.release import verify_release
from unicorn_assets_tests.automation import nights as planted
from unicorn_assets_tests.checks import test_wrong_green as damage
from unicorn_assets_tests.finished import contents, finished

RESTORED = ("shard damaged", "shard deleted", "check failed")
WHERE = (("captions", "lines-00001"), ("caption_drafts", "lines-00000"), ("captions", "more-00000"))


def changes(count: int) -> Iterator[tuple[str, Callable[[planted.Nights], None]]]:
    """Changes of all kinds in turn; damage meets other assets each time."""
    for number in range(count):
        kind = list(planted.PLANTS)[number % len(planted.PLANTS)]
        asset, shard = WHERE[number // len(planted.PLANTS) % len(WHERE)]
        plant = planted.PLANTS[kind]
        if kind in RESTORED:
            yield kind, lambda made, plant=plant, asset=asset, shard=shard: plant(made, asset, shard)
        elif kind == "parent replaced":
            yield kind, lambda made, plant=plant, shard=shard: plant(made, "caption_drafts", shard)
        else:
            yield kind, plant


def wrong_after_night(made: planted.Nights) -> list[str]:
    """What is not right in lake and newest releases; empty: all is."""
    found = look_at(made.home.lake_url, wanted_of(load_recipe(made.home.recipe)))
    assert found is not None
    wrong = [f"{a}/{s}: {c.state}" for a, row in found.cells.items() for s, c in row.items() if c.state not in RIGHT]
    lake = made.lake
    for asset in RELEASES:
        version = latest_release(lake, asset) or ""
        manifest = release_manifest(lake, asset, version)
        for name, content in manifest["parents"].items():
            info = shard_info(lake, *name.split("/"))
            if info is None or info.content != content:
                wrong.append(f"{asset} {version} is not of {name}")
        wrong += verify_release(lake.files.url(release_folder(asset, version)))
    return wrong


def data_of(lake: Lake) -> dict[str, Any]:
    """Contents but the books of what was asked: making a shard again is one line more there."""
    return {name: content for name, content in contents(lake).items() if not name.startswith("tables/ledger/")}


def night_repairs(count: int, folder: Path) -> dict[str, Any]:
    """Plant, let a night pass, look; by kind."""
    right, kinds, wrong = Counter[str](), Counter[str](), []
    with planted.nights(folder) as made:
        for number, (kind, plant) in enumerate(changes(count)):
            before = data_of(made.lake)
            plant(made)
            said = made.night()
            problems = wrong_after_night(made)
            if kind in RESTORED and data_of(made.lake) != before:
                problems.append("not as it was")
            kinds[kind] += 1
            right[kind] += not problems
            wrong += [f"{number} {kind}: {said}: {problem}" for problem in problems[:3]]
            print(f"{number + 1} of {count}: {kind}: {'not ' if problems else ''}right", file=sys.stderr, flush=True)
        asked, after = made.data.server.calls, contents(made.lake)
        made.data.run(made.data.home)
        left = made.data.server.calls - asked + (contents(made.lake) != after)
    return {
        "night_repairs": right.total(), "night_repairs_planted": kinds.total(), "left_to_run_afterwards": left,
        "by_kind": {kind: f"{right[kind]} of {kinds[kind]}" for kind in kinds}, "wrong": wrong,
    }  # fmt: skip


def wrong_green(count: int, folder: Path) -> dict[str, Any]:
    """Damage a shard, run another one, read every view; then mend it."""
    green: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance, finished(folder, rows=160) as data:
        ui = damage.Ui(data, instance)
        ui.materialize("seed_catalog")
        for asset in damage.ASSETS:
            ui.materialize(asset, damage.GOOD, damage.BAD)
        plants = [(plant, asset) for plant in (damage.flip, damage.delete, damage.reseal) for asset in damage.ASSETS]
        for plant, asset in plants[len(plants) - count :]:
            plant(ui, asset)
            ui.materialize(asset, damage.GOOD)
            red, states = ui.red(asset), health(Lake(str(ui.root)))
            page = health_page(states, (), About("", "", {}))
            cell = f"{asset} {damage.BAD}: "
            views = {
                "checks": any(damage.BAD in words for words in red.values()),
                "status": states.cells[asset][damage.BAD].state in (State.DAMAGED, State.FAILED),
                "heat map": f"{cell}{State.DAMAGED}" in page or f"{cell}{State.FAILED}" in page,
            }
            green += [f"{plant.__name__} {asset}: {view}" for view, is_red in views.items() if not is_red]
            ui.materialize(asset, damage.BAD)
    return {"wrong_green": len(green), "wrong_green_planted": count, "green": green}


PARTS = {"night_repairs": night_repairs, "wrong_green": wrong_green}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=list(PARTS))
    parser.add_argument("--count", type=int, default=20)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    figures: dict[str, Any] = {}
    for name, part in PARTS.items():
        if chosen.only in (None, name):
            began = time.process_time()
            with tempfile.TemporaryDirectory(prefix="unicorn-operations-") as folder:
                figures |= part(chosen.count, Path(folder))
            figures[f"{name}_cpu_s"] = round(time.process_time() - began, 1)
    if chosen.json:
        print(json.dumps({"figures": figures}, indent=1))
    else:
        for name, value in figures.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
