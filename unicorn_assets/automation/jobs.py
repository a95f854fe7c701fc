"""Jobs that people start from the UI: the catalog, a stage for some shards, the whole way to the releases."""

import dagster as dg

from unicorn_assets.partitions import SHARDS

CATALOG = dg.define_asset_job(
    "refresh_catalog",
    dg.AssetSelection.assets("seed_catalog"),
    description="Read the sources again, register new shards.",
)
TEXT = dg.define_asset_job(
    "write_text",
    dg.AssetSelection.groups("captions", "instructions")
    & dg.AssetSelection.assets(
        "caption_drafts", "captions", "multiple_choice", "question_answering", "complex_reasoning", "instructions"
    ),
    partitions_def=SHARDS,
    description="Stages 1 and 2 of the chosen shards; near duplicates as last computed.",
)
RELEASES = dg.define_asset_job(
    "cut_releases",
    dg.AssetSelection.groups("releases"),
    description="Cut new immutable releases from what is finished.",
)

JOBS = [CATALOG, TEXT, RELEASES]
