"""No view calls a damaged shard good: shards are damaged one at a time, and while others run every view is read.

wrong_green: views (Dagster's checks, `unicorn status`, the heat map) that show the shard, or its asset, as good.
"""

from pathlib import Path
from typing import Any

import dagster as dg

from unicorn_assets.health import State, health
from unicorn_assets.health.page import About, health_page
from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.checks import test_wrong_green as damage
from unicorn_assets_tests.finished import finished


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
