"""The loop around every partitioned asset: what is current is skipped, damage stops, errors are for people."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from unicorn_assets.assets.common import forcing
from unicorn_assets.assets.shard_work import FORCE, Maker, Rows, _Stages, fill_shards, parents
from unicorn_assets.assets.troubles import Troubles
from unicorn_assets.errors import UserError
from unicorn_assets.keys import asset_key, asset_name
from unicorn_assets.lake.files import Files
from unicorn_assets.lake.store import Lake
from unicorn_assets.lake.verdicts import Broken, Verdict, failed_checks, write_verdict
from unicorn_assets.llm.errors import ServerBroken
from unicorn_assets.partitions import RANGE_END, RANGE_START, register, shards_definition
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource, ProgressResource, RecipeResource
from unicorn_assets_tests.lakes import SHARD, tiny_lake

RECIPE = Recipe.model_validate({"name": "tiny", "sources": [{"name": "tiny", "path": "tiny.txt"}], "llm": {}})


class Bench:
    """A lake with seeds, and a step of one asset, `captions`, or several, whose work is counted."""

    def __init__(self, folder: Path, *assets: str) -> None:
        self.lake = tiny_lake().write(folder)
        self.assets = assets or ("captions",)
        self.version = "v1"
        self.worked: list[str] = []
        self.fail: Callable[[str], None] = lambda shard: None
        self.shown_as_made: set[str] = set()

    def run(self, *selected: str, shards: int = 2, force: Sequence[str] = ()) -> dg.ExecuteInProcessResult:
        """Materialize the assets, or those of them that are selected. Worked and failed are shards of the one asset, or
        asset/shard where there are several.
        """

        def maker(store: Lake, name: str) -> Maker:
            def work(shard: str, stage: Any) -> Rows:
                unit = shard if len(self.assets) == 1 else f"{name}/{shard}"
                self.fail(unit)
                self.worked.append(unit)
                return Rows(store.read(name, SHARD), figures={"words": 1})

            return Maker(
                name, version=self.version, parents_of=lambda shard: parents(store, ("seeds", SHARD)),
                work=work, rows_of=lambda shard: 4,
            )  # fmt: skip

        @dg.multi_asset(
            name="step",
            specs=[dg.AssetSpec(asset_key("tiny", name)) for name in self.assets],
            can_subset=True,
            partitions_def=shards_definition("tiny"),
            backfill_policy=dg.BackfillPolicy.single_run(),
            **forcing(),
        )
        def step(context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource) -> Iterator[Any]:
            store, _ = lake.begin(RECIPE)
            names = [name for name in self.assets if asset_key("tiny", name) in context.selected_asset_keys]
            yield from fill_shards(
                context, store, RECIPE, progress.to_log(context.log), *(maker(store, name) for name in names)
            )

        with dg.DagsterInstance.ephemeral() as instance:
            register(instance, "tiny", ["a-00000", "a-00001"])
            result = dg.materialize(
                [step], instance=instance, raise_on_error=False,
                selection=[asset_key("tiny", name) for name in selected or self.assets],
                tags={RANGE_START: "a-00000", RANGE_END: f"a-{shards - 1:05}"},
                run_config={"ops": {"step": {"config": {FORCE: list(force)}}}},
                resources={
                    "lake": LakeResource(url=self.lake.url, variant=RecipeResource()), "progress": ProgressResource(),
                },
            )  # fmt: skip
            events = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
            told = [event.get_dagster_event() for event in events]
            prefix = "" if len(self.assets) == 1 else "{}/"
            self.shown_as_made = {f"{prefix.format(asset_name(e.asset_key))}{e.partition}" for e in told}
            return result


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
        events = bench.run().asset_materializations_for_node("step")
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


@pytest.mark.parametrize("error", [UserError("its texts are too long", "shorten them"), ValueError("broken")])
def test_a_bad_shard_fails_alone_and_the_others_are_made(bench: Bench, error: Exception) -> None:
    def fail(shard: str) -> None:
        if shard == "a-00000":
            raise error

    bench.fail = fail
    for _ in range(2):  # the good shard is made, then it is current
        said = failure(bench.run()).splitlines()
        assert said[0] == "1 of 2 shards of captions were not made, the others are good:"
        assert said[1].startswith("  a-00000: ")
        assert str(error).splitlines()[0] in said[1]
        assert bench.shown_as_made == {"a-00001"}
        assert bench.worked == ["a-00001"]
    bench.fail = lambda shard: None
    assert bench.run().success
    assert bench.shown_as_made == {"a-00000", "a-00001"}
    assert bench.worked == ["a-00001", "a-00000"]


TASKS = ("multiple_choice", "question_answering")


@pytest.fixture
def tasks(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "lake", *TASKS)


def test_one_step_makes_several_assets_and_of_them_what_is_selected(tasks: Bench) -> None:
    assert tasks.run("question_answering").success
    assert tasks.worked == ["question_answering/a-00000", "question_answering/a-00001"]
    assert tasks.shown_as_made == set(tasks.worked)
    assert tasks.run().success
    assert tasks.worked[2:] == ["multiple_choice/a-00000", "multiple_choice/a-00001"]
    assert len(tasks.shown_as_made) == 4


@pytest.mark.parametrize(
    ("forced", "made"),
    [
        (["all"], ["multiple_choice/a-00000", "question_answering/a-00000"]),
        (["a-00000"], ["multiple_choice/a-00000", "question_answering/a-00000"]),
        (["question_answering/all"], ["question_answering/a-00000"]),
        (["multiple_choice/a-00000", "question_answering/a-00001"], ["multiple_choice/a-00000"]),
    ],
)
def test_a_forced_shard_is_of_all_assets_or_of_the_one_that_is_named(
    tasks: Bench, forced: list[str], made: list[str]
) -> None:
    tasks.run(shards=1)
    tasks.worked.clear()
    assert tasks.run(shards=1, force=forced).success
    assert tasks.worked == made


@pytest.mark.parametrize(
    "forced", ["a-00009", "captions/all", "multiple_choice/", "", "/a-00000", "multiple_choice/a-00000/x"]
)
def test_a_forced_name_that_is_nothing_is_no_silent_success(tasks: Bench, forced: str) -> None:
    said = failure(tasks.run(force=[forced]))
    assert repr(forced) in said
    assert "multiple_choice/all" in said
    assert tasks.worked == []


def test_progress_of_an_asset_ends_with_its_last_shard_and_of_all_in_any_case() -> None:
    ended: list[str] = []

    def stage(name: str, rows: int) -> Any:
        return SimpleNamespace(close=lambda: ended.append(f"{name} {rows}"))

    first, second, third = ("a", "1"), ("b", "1"), ("b", "2")
    stages = _Stages(SimpleNamespace(stage=stage), ("a", "b", "c"), {first: 4, second: 5, third: 6})  # type: ignore[arg-type]
    stages.done(second)
    stages.done(first)
    assert ended == ["a 4"]
    stages.close()
    assert ended == ["a 4", "b 11", "c 0"]


@pytest.mark.parametrize("shards", [1, 2])
def test_an_asset_that_fails_leaves_the_others_of_its_step_made(tasks: Bench, shards: int) -> None:
    def fail(unit: str) -> None:
        if unit == "multiple_choice/a-00000":
            raise UserError("its texts are too long", "shorten them")

    tasks.fail = fail
    for _ in range(2):
        said = failure(tasks.run(shards=shards))
        assert "its texts are too long" in said
        assert "question_answering" not in said
        good = {f"{task}/a-{shard:05}" for task in TASKS for shard in range(shards)} - {"multiple_choice/a-00000"}
        assert tasks.shown_as_made == good
        assert sorted(tasks.worked) == sorted(good)
    assert failure(tasks.run()).startswith("1 of 2 shards of multiple_choice were not made, the others are good:")


def test_what_several_assets_lack_alike_is_said_once(tasks: Bench) -> None:
    info = tasks.lake.info("seeds", SHARD)
    assert info is not None
    write_verdict(tasks.lake, "seeds", SHARD, Verdict(info.content, "", {"keys_unique": Broken(1)}))
    assert failure(tasks.run(shards=1)).count("keys_unique") == 1
    said = failure(tasks.run()).splitlines()
    assert said[0].startswith("2 of 2 shards of multiple_choice, question_answering were not made")
    assert sum("keys_unique" in line for line in said) == 2


@pytest.mark.parametrize("error", [ServerBroken("the server is gone", "start it"), OSError(28, "No space left")])
def test_what_no_other_shard_would_survive_ends_the_step_at_once(bench: Bench, error: Exception) -> None:
    tried: list[str] = []

    def fail(shard: str) -> None:
        tried.append(shard)
        raise error

    bench.fail = fail
    assert "shards of captions were not made" not in failure(bench.run())
    assert tried == ["a-00000"]


def test_so_many_shards_that_fail_in_the_same_words_are_no_fault_of_theirs() -> None:
    troubles = Troubles()
    for shard in ("a-00000", "a-00001"):
        for task in ("multiple_choice", "question_answering", "complex_reasoning"):  # of one shard is not of several
            with troubles.of((task, shard)):
                raise UserError(f"shard {shard!r} needs the package torch")
    with pytest.raises(UserError, match="torch"), troubles.of(("multiple_choice", "a-00002")):
        raise UserError("shard 'a-00002' needs the package torch")


def test_nothing_is_built_on_a_shard_that_failed_a_blocking_check(bench: Bench) -> None:
    info = bench.lake.info("seeds", SHARD)
    assert info is not None
    write_verdict(bench.lake, "seeds", SHARD, Verdict(info.content, "", {"keys_unique": Broken(1)}))
    assert "failed its check keys_unique" in failure(bench.run())
    assert bench.worked == []
    write_verdict(bench.lake, "seeds", SHARD, Verdict(info.content))
    assert bench.run().success


def test_a_verdict_speaks_of_the_very_content(bench: Bench) -> None:
    write_verdict(bench.lake, "seeds", SHARD, Verdict("older content", "", {"keys_unique": Broken(1)}))
    assert failed_checks(bench.lake, "seeds", SHARD, "newer content") == []
    assert failed_checks(bench.lake, "seeds", SHARD, "older content") == ["keys_unique"]


def test_a_missing_parent_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="materialize seeds for that shard first"):
        parents(Lake(str(tmp_path)), ("seeds", "a-00000"))


def test_a_shard_that_failed_its_check_is_not_current(bench: Bench) -> None:
    assert bench.run().success
    info = bench.lake.info("captions", "a-00000")
    assert info is not None
    write_verdict(bench.lake, "captions", "a-00000", Verdict(info.content, "", {"keys_unique": Broken(1)}))
    bench.run()
    assert bench.worked == ["a-00000", "a-00001", "a-00000"]
    write_verdict(bench.lake, "captions", "a-00000", Verdict(info.content, "", {"few": Broken(1, blocks=False)}))
    bench.run()
    assert len(bench.worked) == 3, "a warning is no reason"
