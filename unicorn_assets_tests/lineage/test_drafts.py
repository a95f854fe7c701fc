"""What lineage tells of prompt, sampling and drafts, on a lake whose answers lie in the journal."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.lake.lineage import Lineage, Step, trace
from unicorn_assets.lake.released import latest_release
from unicorn_assets.lake.store import Lake
from unicorn_assets.lineage.drafts import RowDrafts
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_file import load_recipe

SHARD = "notes-00000"


@pytest.fixture(scope="module")
def lake(home: Path) -> Lake:
    return Lake(str(home / "lake"))


@pytest.fixture(scope="module")
def recipe(home: Path) -> Recipe:
    return load_recipe(home / "recipe.yaml")


def told(lake: Lake, recipe: Recipe | None, row_id: str) -> Lineage:
    with RowDrafts(lake, recipe) as drafts:
        return trace(lake, row_id, drafts)


def steps(lineage: Lineage, kind: str) -> list[Step]:
    def walk(step: Step) -> Iterator[Step]:
        yield step
        for child in step.children:
            yield from walk(child)

    return [step for top in lineage.steps for step in walk(top) if step.kind == kind]


def test_a_caption_tells_its_prompt_its_sampling_and_each_draft_with_its_refusal(lake: Lake, recipe: Recipe) -> None:
    row = lake.read("caption_drafts", SHARD).filter(pl.col("drafts") == 2).row(0, named=True)
    lineage = told(lake, recipe, row["caption_id"])
    (prompt,) = [step for step in steps(lineage, "prompt") if step.id == row["prompt_version"]]
    assert "You write captions for pictures" in prompt.facts["text"]
    assert prompt.facts["sampling"]["max_tokens"] == 800
    assert prompt.facts["gates"]["min_words"] == 51
    assert "verdicts" not in prompt.facts
    first, second = (
        step for step in steps(lineage, "draft") if step.facts["model"] and "pairs" not in step.facts["text"]
    )
    assert first.facts["verdict"] == "refused: too_short"
    assert "write at least 51" in first.facts["because"]
    assert (second.facts["verdict"], second.facts["key"]) == ("accepted", row["request_hash"])
    assert second.facts["text"] == row["text"]
    assert {step.id for step in steps(lineage, "text_embedding") + steps(lineage, "image_embedding")} <= {
        row["caption_id"]
    }


def test_a_refused_seed_has_all_its_drafts(lake: Lake, recipe: Recipe) -> None:
    refused = pl.concat(lake.read("quarantine/caption_drafts", shard) for shard in lake.shards("seeds"))
    lineage = told(lake, recipe, refused["row_id"][0])
    assert [step.facts["verdict"] for step in steps(lineage, "draft")] == ["refused: too_short"] * 3


def test_without_the_recipe_that_asked_the_last_answer_is_known(lake: Lake, recipe: Recipe) -> None:
    row = lake.read("caption_drafts", SHARD).filter(pl.col("drafts") == 2).row(0, named=True)
    other = recipe.model_copy(update={"llm": recipe.llm.model_copy(update={"model": "another"})})
    for at_hand in (None, other):
        lineage = told(lake, at_hand, row["caption_id"])
        drafts = [step for step in steps(lineage, "draft") if "pairs" not in step.facts["text"]]
        assert [step.id for step in drafts] == [row["request_hash"]]
        assert "unknown" in steps(lineage, "prompt")[0].facts["earlier drafts"]


def test_gates_that_have_moved_on_are_said_to_be_today_s(lake: Lake, recipe: Recipe) -> None:
    row = lake.read("caption_drafts", SHARD).filter(pl.col("drafts") == 1).row(0, named=True)
    gates = recipe.captions.gates.model_copy(update={"min_seed_overlap": 1.0})
    moved = recipe.model_copy(update={"captions": recipe.captions.model_copy(update={"gates": gates})})
    assert "today's gates" in steps(told(lake, moved, row["caption_id"]), "prompt")[0].facts["verdicts"]


@pytest.mark.parametrize("name", ["record", "key", "shard"])
def test_a_row_is_found_by_whatever_names_it(name: str, lake: Lake) -> None:
    captions = lake.read("captions", SHARD)
    version = latest_release(lake, "unicorn_1_2m")
    shards = lake.shards("seeds")
    before = sum(lake.read("captions", shard).height for shard in shards[: shards.index(SHARD)])
    if name == "record":
        for place in (f"unicorn_1_2m:{before}", f"unicorn_1_2m@{version}:{before}", f"unicorn_1_2m/{version}:{before}"):
            found = trace(lake, place)
            assert found.id == captions["caption_id"][0]
            facts = next(step for step in steps(found, "release") if step.id.endswith(str(version))).facts
            assert facts["record"] == before
    elif name == "key":
        assert trace(lake, captions["request_hash"][3]).id == captions["caption_id"][3]
    else:
        (shard,) = trace(lake, SHARD).steps
        rows = {step.kind: step.facts["rows"] for step in shard.children if step.kind != "release"}
        assert rows["captions"] == captions.height
        assert next(step for step in shard.children if step.kind == "captions").facts["checks"] == "passed"
        assert any(step.kind == "release" for step in shard.children)
    with pytest.raises(UserError, match="no record"):
        trace(lake, "unicorn_1_2m:999999")


def test_a_damaged_shard_is_named_where_an_id_is_not_found(home: Path, lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "lake").symlink_to(home / "lake")
    copy = Lake(str(tmp_path / "copy"))
    for table in ("seed_catalog", "caption_drafts"):
        for shard in lake.shards(table):
            copy.files.write(copy.path(table, shard), lake.files.read(lake.path(table, shard)))
    row_id = lake.read("caption_drafts", SHARD)["caption_id"][0]
    data = copy.files.read(copy.path("caption_drafts", SHARD))
    copy.files.write(copy.path("caption_drafts", SHARD), data[:100] + bytes([data[100] ^ 1]) + data[101:])
    with pytest.raises(UserError) as unknown:
        trace(copy, row_id)
    assert f"damaged: tables/caption_drafts/{SHARD}.parquet" in unknown.value.hint
    other = next(shard for shard in lake.shards("seeds") if shard != SHARD)
    assert trace(copy, lake.read("caption_drafts", other)["caption_id"][0]).shard == other


def test_a_lake_that_is_a_file_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("no lake", encoding="utf-8")
    with pytest.raises(UserError, match="is a file, and not a folder"):
        trace(Lake(str(tmp_path / "lake")), "s0123456789abcdef")


def test_a_lineage_with_drafts_is_json(lake: Lake, recipe: Recipe) -> None:
    row_id = lake.read("instructions", SHARD)["instruction_id"][0]
    lineage = told(lake, recipe, row_id)
    assert json.loads(json.dumps(lineage.to_dict()))["id"] == row_id
    assert steps(lineage, "draft")
