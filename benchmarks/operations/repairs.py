"""Nights mend what was planted: changes of seven kinds, each followed by a night in this process.

night_repairs: of the planted changes those that are right in the next release: every shard as the recipe wants it, the
newest release of exactly what the lake holds, its files sound, and what was damaged the same as before. Afterwards
`unicorn run` must find nothing to do.

LLM: a script on loopback; encoder: a stand-in; Dagster's records: in memory, and the daemon's part is played in this
process (unicorn_assets_tests/automation/test_night_daemon.py has the real one).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from platform_here import say

from unicorn_assets.automation.looking import look_at
from unicorn_assets.automation.night_plan import RIGHT
from unicorn_assets.graph import RELEASES
from unicorn_assets.health import wanted_of
from unicorn_assets.lake.released import latest_release, release_folder, release_manifest
from unicorn_assets.lake.shards import shard_info
from unicorn_assets.lake.store import Lake
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.release import verify_release
from unicorn_assets_tests.automation import nights as planted
from unicorn_assets_tests.finished import contents

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
            say(f"{number + 1} of {count}: {kind}: {'not ' if problems else ''}right")
        asked, after = made.data.server.calls, contents(made.lake)
        made.data.run(made.data.home)
        left = made.data.server.calls - asked + (contents(made.lake) != after)
    return {
        "night_repairs": right.total(), "night_repairs_planted": kinds.total(), "left_to_run_afterwards": left,
        "by_kind": {kind: f"{right[kind]} of {kinds[kind]}" for kind in kinds}, "wrong": wrong,
    }  # fmt: skip
