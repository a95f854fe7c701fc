"""Filling what is missing, every night: real backfills that the daemon launches, off until somebody switches them on.

A Dagster schedule cannot create a backfill (dagster issue 13852); an automation condition sensor can, and does so for
all missing shards at once, in the order of the graph.
"""

import dagster as dg

from unicorn_assets.keys import asset_name

CATALOG_CRON = "0 1 * * *"
FILL_CRON = "0 2 * * *"

# At one o'clock the sources are read again, at two the shards that nobody has made yet are requested.
REFRESH = (dg.AutomationCondition.cron_tick_passed(CATALOG_CRON) & ~dg.AutomationCondition.in_progress()).with_label(
    "nightly, before the filling"
)
FILL_MISSING = (
    dg.AutomationCondition.cron_tick_passed(FILL_CRON)
    & dg.AutomationCondition.missing()
    & ~dg.AutomationCondition.in_progress()
).with_label("nightly, what is missing")


def with_conditions(assets: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets with their nightly condition."""
    return [
        asset.map_asset_specs(
            lambda spec: spec.replace_attributes(
                automation_condition=REFRESH if asset_name(spec.key) == "seed_catalog" else FILL_MISSING
            )
        )
        for asset in assets
    ]


NIGHTLY = dg.AutomationConditionSensorDefinition(
    "fill_what_is_missing",
    target=dg.AssetSelection.all(),
    default_status=dg.DefaultSensorStatus.STOPPED,
    minimum_interval_seconds=60,
    description="Every night: refresh the catalog at 01:00, then backfill all missing shards at 02:00.",
)
