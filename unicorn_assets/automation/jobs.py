"""Jobs that people start from the UI: read the sources again, write the text of some shards, cut releases."""

import dagster as dg

from unicorn_assets.recipe import TASKS

CATALOG = dg.define_asset_job(
    "refresh_catalog",
    dg.AssetSelection.assets("seed_catalog"),
    description="Read the sources again and register new shards.",
)
TEXT = dg.define_asset_job(
    "write_text",
    dg.AssetSelection.assets("seeds", "caption_drafts", "captions", *TASKS, "instructions"),
    description="Stages 1 and 2 of the chosen shards, with the near duplicates as last computed.",
)
RELEASES = dg.define_asset_job(
    "cut_releases",
    dg.AssetSelection.groups("releases"),
    description="Cut new immutable releases from the shards that are finished.",
)

JOBS = [CATALOG, TEXT, RELEASES]
