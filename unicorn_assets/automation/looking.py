"""What the lake lacks for a recipe, as sensors see it: within seconds, and never believing what can be proved.

Proving every bit of a large lake takes longer than a sensor may. What was proved is remembered in this process, so that
the next look goes on where this one had to stop. Not here: what follows from it (night_plan.py).
"""

import time
from typing import Any

from unicorn_assets.graph import ASSETS, RELEASES
from unicorn_assets.health import Health, Wanted, health
from unicorn_assets.lake.shards import path_of
from unicorn_assets.lake.store import ALL, Lake

SECONDS = 30.0
"""For proving, of the 60 that Dagster gives a sensor."""
_PROVED: dict[str, dict[str, Any]] = {}


def look_at(url: str, wanted: Wanted, seconds: float = SECONDS) -> Health | None:
    """The state of everything, each file proved; None when there was no time to prove all, so that it goes on with the
    next call. Sets nothing aside: whoever makes a shard again does.
    """
    lake = Lake(url, proved=_PROVED.setdefault(url, {}))
    return health(lake, wanted=wanted) if _prove(lake, time.monotonic() + seconds) else None


def _prove(lake: Lake, until: float) -> bool:
    catalog = lake.find("seed_catalog", ALL, ["shard"])
    shards = sorted(catalog["shard"].unique()) if catalog is not None and lake.files.is_local else []
    for shard in shards:
        for name, asset in ASSETS.items():
            if asset.by_shard and name not in RELEASES:
                if time.monotonic() > until:
                    return False
                lake.is_sound(path_of(name, shard))
    return True
