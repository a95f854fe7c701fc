"""Near duplicates and captions as assets: what progress is told, and what is drawn for whom."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from unicorn_assets.assets import captions
from unicorn_assets.keys import asset_key
from unicorn_assets.lake.store import Lake
from unicorn_assets.partitions import RANGE_END, RANGE_START, register
from unicorn_assets.resources import EncoderResource, LakeResource, ProgressResource, RecipeResource
from unicorn_assets.resources.progress import listening
from unicorn_assets_tests.small_lake import SHARDS, fill, small_recipe


class Counted:
    """Progress that adds up, as every listener does; and whether each stage was closed."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.open: list[str] = []

    def stage(self, name: str, total: int, unit: str = "rows") -> Any:
        self.rows[name] = 0
        self.open.append(name)
        told = self

        class Running:
            def advance(self, rows: int = 1, **counters: int) -> None:
                told.rows[name] += rows

            def read(self, figures: Any) -> None:
                pass

            def close(self) -> None:
                told.open.remove(name)

        return Running()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return fill(Lake(str(tmp_path / "lake")))


def materialize(lake: Lake, progress: Counted) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance, listening(progress):
        register(instance, "small", SHARDS)
        return dg.materialize(
            captions.build(small_recipe()), instance=instance, tags={RANGE_START: SHARDS[0], RANGE_END: SHARDS[-1]},
            resources={
                "lake": LakeResource(url=lake.url, variant=RecipeResource()), "progress": ProgressResource(),
                "encoder": EncoderResource(recipe="none.yaml", variant=RecipeResource()),  # not opened
            },
        )  # fmt: skip


def test_progress_adds_up_to_the_drafts(lake: Lake) -> None:
    progress = Counted()
    drafts = sum(lake.read("caption_drafts", shard).height for shard in SHARDS)
    materialize(lake, progress)
    assert progress.rows == {"near_duplicates": drafts, "captions": drafts}
    assert progress.open == []


def test_one_histogram_for_each_shard_that_was_made_of_its_own_captions(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def histogram(values: list[int], about: str) -> str:
        drawn.append(len(values))
        return about

    monkeypatch.setattr(captions, "histogram", histogram)
    materialize(lake, Counted())
    assert drawn == [lake.read("captions", shard).height for shard in SHARDS]
    drawn.clear()
    materialize(lake, Counted())
    assert drawn == []
    lake.files.remove(lake.path("captions", SHARDS[1]))
    result = materialize(lake, Counted())
    assert len(drawn) == 1
    shown = {
        event.step_materialization_data.materialization.partition: event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == asset_key("small", "captions")
    }
    assert [captions.ABOUT in shown[shard].metadata for shard in SHARDS] == [False, True, False]
