"""Jobs that people start from the UI. Shards are backfilled as assets, not as jobs (dagster issue 33059)."""

import dagster as dg

CATALOG = dg.define_asset_job(
    "refresh_catalog",
    dg.AssetSelection.assets("seed_catalog"),
    description="Read the sources again and register new shards.",
)
RELEASES = dg.define_asset_job(
    "cut_releases",
    dg.AssetSelection.groups("releases"),
    description="Cut new immutable releases from the shards that are finished.",
)

JOBS = [CATALOG, RELEASES]
