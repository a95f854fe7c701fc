"""Dagster's own view of what is out of sync: only what really changed puts what is made of it out of sync."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from unicorn_assets.assets.shard_work import FORCE, Maker, Rows, fill_shards, parents
from unicorn_assets.keys import asset_key, step_key
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import Lake
from unicorn_assets.partitions import RANGE_END, RANGE_START
from unicorn_assets_tests.recipes import recipe_of
from unicorn_assets_tests.small_lake import fill

SHARDS = ("birds-00000", "birds-00001", "labels-00000")
PARTS = dg.StaticPartitionsDefinition(list(SHARDS))
STAGE = SimpleNamespace(advance=lambda rows=1: None, close=lambda: None)
SILENT: Any = SimpleNamespace(stage=lambda *_: STAGE)
SHARED: dict[str, Any] = {
    "partitions_def": PARTS, "code_version": "1", "config_schema": {FORCE: dg.Field([str], default_value=[])},
    "backfill_policy": dg.BackfillPolicy.single_run(),
}  # fmt: skip


class Ui:
    """Two assets over a small lake; `texts` are what the first one writes."""

    def __init__(self, lake: Lake, instance: dg.DagsterInstance, folder: Path) -> None:
        self.lake, self.instance, self.recipe = lake, instance, recipe_of(folder)
        recipe = self.recipe
        self.texts = dict.fromkeys(SHARDS, "a small brown bird")
        schema = polars_schema("seeds")

        def frame(shard: str) -> pl.DataFrame:
            return self.lake.read("seeds", shard).with_columns(text=pl.lit(self.texts[shard])).select(*schema)

        @dg.asset(key=self.key("seeds"), **SHARED)
        def first(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
            return fill_shards(
                context, lake, recipe, SILENT,
                Maker("seeds", "1", lambda shard: {}, lambda shard, _: Rows(frame(shard)), lambda shard: 1),
            )  # fmt: skip

        @dg.asset(key=self.key("caption_drafts"), deps=[first], **SHARED)
        def second(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
            return fill_shards(
                context, lake, recipe, SILENT,
                Maker(
                    "caption_drafts", "1", lambda shard: parents(lake, ("seeds", shard)),
                    lambda shard, _: Rows(lake.read("caption_drafts", shard)), lambda shard: 1,
                ),
            )  # fmt: skip

        self.job = dg.Definitions([first, second]).resolve_implicit_global_asset_job_def()

    def key(self, name: str) -> dg.AssetKey:
        return asset_key(self.recipe.name, name)

    def make(self, *names: str, shards: tuple[str, ...] = SHARDS) -> None:
        ops = {step_key(self.recipe.name, name): {"config": {FORCE: ["all"]}} for name in names}
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        done = self.job.execute_in_process(
            asset_selection=[self.key(name) for name in names], instance=self.instance,
            tags={RANGE_START: shards[0], RANGE_END: shards[-1]}, run_config={"ops": ops, **quiet},
        )  # fmt: skip
        assert done.success

    def stale(self) -> set[str]:
        graph, context = self.job.asset_layer.asset_graph, LoadingContextForTest(self.instance)
        resolver = CachingStaleStatusResolver(self.instance, graph, context)
        key = self.key("caption_drafts")
        return {shard for shard in SHARDS if resolver.get_status(key, shard) is not StaleStatus.FRESH}


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[Ui]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ui(fill(Lake(str(tmp_path / "lake")), SHARDS), instance, tmp_path)


def test_only_shards_of_another_content_put_their_children_out_of_sync(ui: Ui) -> None:
    ui.make("seeds", "caption_drafts")
    assert ui.stale() == set()
    ui.make("seeds")
    ui.make("seeds", shards=SHARDS[:1])
    assert ui.stale() == set(), "the same was made again"
    ui.texts[SHARDS[1]] = "a large green bird"
    ui.make("seeds")
    assert ui.stale() == {SHARDS[1]}
    ui.make("caption_drafts", shards=SHARDS[1:2])
    assert ui.stale() == set()
    ui.texts[SHARDS[0]] = "a blue bird"
    ui.make("seeds", shards=SHARDS[:1])
    assert ui.stale() == {SHARDS[0]}
