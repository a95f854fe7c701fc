"""The loop around every partitioned asset: what is current is skipped, damage stops, errors are for people."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from unicorn_assets.assets.shard_work import Rows, fill_shards, parents
from unicorn_assets.errors import UserError
from unicorn_assets.lake.artifacts import failed_checks, write_verdict
from unicorn_assets.lake.files import Files
from unicorn_assets.lake.store import Lake
from unicorn_assets.partitions import RANGE_END, RANGE_START, SHARDS, SHARDS_NAME
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource, ProgressResource
from unicorn_assets_tests.lakes import SHARD, tiny_lake

RECIPE = Recipe.model_validate({"name": "tiny", "sources": [{"name": "tiny", "path": "tiny.txt"}], "llm": {}})


class Bench:
    """A lake with seeds, and an asset `captions` whose work is counted."""

    def __init__(self, folder: Path) -> None:
        self.lake = tiny_lake().write(folder)
        self.version = "v1"
        self.worked: list[str] = []
        self.fail: Callable[[str], None] = lambda shard: None

    def run(self) -> dg.ExecuteInProcessResult:
        @dg.asset(partitions_def=SHARDS, backfill_policy=dg.BackfillPolicy.single_run())
        def captions(context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource) -> Any:
            store = lake.open()

            def work(shard: str, stage: Any) -> Rows:
                self.fail(shard)
                self.worked.append(shard)
                return Rows(store.read("captions", SHARD), figures={"words": 1})

            return fill_shards(
                context, store, RECIPE, progress.to_log(context.log), version=self.version,
                parents_of=lambda shard: parents(store, ("seeds", SHARD)), work=work, rows_of=lambda shard: 4,
            )  # fmt: skip

        with dg.DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions(SHARDS_NAME, ["a-00000", "a-00001"])
            return dg.materialize(
                [captions], instance=instance, raise_on_error=False,
                tags={RANGE_START: "a-00000", RANGE_END: "a-00001"},
                resources={"lake": LakeResource(url=self.lake.url), "progress": ProgressResource()},
            )  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "lake")


def failure(result: dg.ExecuteInProcessResult) -> str:
    assert not result.success
    data = next(event for event in result.all_events if event.is_step_failure).step_failure_data
    assert data.user_failure_data is not None
    return str(data.user_failure_data.description)


def test_what_is_current_is_not_made_again(bench: Bench) -> None:
    assert bench.run().success
    assert bench.run().success
    assert bench.worked == ["a-00000", "a-00001"]


def test_no_shard_is_read_for_what_the_ui_shows_of_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    read = Files.read

    def counting(self: Files, name: str) -> bytes:
        data = read(self, name)
        opened.append(name)
        return data

    monkeypatch.setattr(Files, "read", counting)

    def run() -> tuple[list[str], list[Any]]:
        opened.clear()
        events = bench.run().asset_materializations_for_node("captions")
        return [name for name in opened if name.startswith("tables/captions/a-")], events

    reads, made = run()
    assert reads == []
    reads, reused = run()
    assert reads == ["tables/captions/a-00000.parquet", "tables/captions/a-00001.parquet"], "each proved, no more"
    for event in (*made[-2:], *reused):
        assert event.metadata["sample"].value.count("\n") == 5, "a head, a line and four rows"
        assert event.metadata["words"].value == 1


def test_new_code_and_new_parents_make_all_again(bench: Bench) -> None:
    bench.run()
    bench.version = "v2"
    bench.run()
    assert len(bench.worked) == 4
    tiny = tiny_lake()
    tiny.change("seeds", "text", "another seed")
    bench.lake.write("seeds", SHARD, tiny.tables["seeds"], bench.lake.info("seeds", SHARD).made)  # type: ignore[union-attr]
    bench.run()
    assert len(bench.worked) == 6


def test_a_failure_keeps_the_shards_before_it(bench: Bench) -> None:
    def fail(shard: str) -> None:
        if shard == "a-00001":
            raise UserError("the server is gone", "start it")

    bench.fail = fail
    assert failure(bench.run()) == "the server is gone\n  -> start it"
    bench.fail = lambda shard: None
    assert bench.run().success
    assert bench.worked == ["a-00000", "a-00001"]


def test_nothing_is_built_on_a_shard_that_failed_a_blocking_check(bench: Bench) -> None:
    info = bench.lake.info("seeds", SHARD)
    assert info is not None
    write_verdict(bench.lake, "seeds", SHARD, info.content, ["keys_unique"])
    assert "failed its check keys_unique" in failure(bench.run())
    assert bench.worked == []
    write_verdict(bench.lake, "seeds", SHARD, info.content, [])
    assert bench.run().success


def test_a_verdict_speaks_of_the_very_content(bench: Bench) -> None:
    write_verdict(bench.lake, "seeds", SHARD, "older content", ["keys_unique"])
    assert failed_checks(bench.lake, "seeds", SHARD, "newer content") == []
    assert failed_checks(bench.lake, "seeds", SHARD, "older content") == ["keys_unique"]


def test_a_missing_parent_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="materialize seeds for that shard first"):
        parents(Lake(str(tmp_path)), ("seeds", "a-00000"))
