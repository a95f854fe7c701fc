"""Jobs that people start from the UI. Shards are backfilled as assets, not as jobs (dagster issue 33059)."""

from typing import Any

import dagster as dg

from unicorn_assets.keys import asset_key


def build_jobs(data_set: str) -> list[Any]:
    """The jobs of one data set, by its recipe's name."""
    return [
        dg.define_asset_job(
            "refresh_catalog",
            dg.AssetSelection.assets(asset_key(data_set, "seed_catalog")),
            description="Read the sources again and register new shards.",
        ),
        dg.define_asset_job(
            "cut_releases",
            dg.AssetSelection.groups("releases"),
            description="Cut new immutable releases from the shards that are finished.",
        ),
    ]
