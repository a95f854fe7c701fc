"""What a change would touch: counted against the tables themselves, and stored answers judged by another gate."""

from pathlib import Path

import polars as pl
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import Lake
from unicorn_assets.lineage import redrift
from unicorn_assets.lineage.impact import impact, of_gate
from unicorn_assets.lineage.rejudge import Gate, rejudge, scaled
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets_tests.finished import stand_in


@pytest.fixture(scope="module")
def lake(home: Path) -> Lake:
    return Lake(str(home / "lake"))


def whole(lake: Lake, table: str) -> pl.DataFrame:
    return lake.read_many(table, lake.shards(table))


def test_a_source_takes_with_it_what_was_made_of_it(lake: Lake) -> None:
    found = impact(lake, "source", "extra")
    captions = whole(lake, "captions").filter(pl.col("source") == "extra")
    assert found.tables["caption_drafts"].rows == whole(lake, "seeds").filter(pl.col("source") == "extra").height
    assert found.tables["captions"].rows == found.tables["image_embeddings"].rows == captions.height
    made = whole(lake, "instructions").filter(pl.col("caption_id").is_in(captions["caption_id"].to_list()))
    assert found.tables["instructions"].rows == made.height
    assert found.shards == [shard for shard in lake.shards("seeds") if shard.startswith("extra")]
    assert {release["latest"] for release in found.releases} == {True}


def test_a_prompt_costs_the_drafts_that_its_rows_took(lake: Lake) -> None:
    found = impact(lake, "prompt", "dense")
    drafts, refused = whole(lake, "caption_drafts"), whole(lake, "quarantine/caption_drafts")
    touched = found.tables["caption_drafts"]
    assert touched.rows == drafts.height + refused.height
    assert touched.calls == drafts["drafts"].sum() + refused["attempts"].sum()
    assert touched.usd == pytest.approx(whole(lake, "ledger/caption_drafts")["cost_usd"].sum(), rel=1e-3)
    assert impact(lake, "prompt", drafts["prompt_version"][0]).tables == found.tables
    assert found.to_dict()["total"]["calls"] > touched.calls


def test_a_task_s_prompt_leaves_captions_alone(lake: Lake) -> None:
    found = impact(lake, "prompt", "question_answering")
    assert set(found.tables) == {"question_answering", "instructions"}
    assert found.tables["instructions"].rows == whole(lake, "question_answering").height


def test_one_seed_is_one_row(lake: Lake) -> None:
    caption = whole(lake, "captions").filter(pl.col("task").is_not_null()).row(0, named=True)
    found = impact(lake, "seed", caption["seed_id"])
    assert {name: each.rows for name, each in found.tables.items()} == {
        "caption_drafts": 1, "captions": 1, caption["task"]: 1, "instructions": 1, "text_embeddings": 1,
        "image_embeddings": 1,
    }  # fmt: skip
    assert found.shards == [caption["shard"]]


def test_a_model_that_wrote_all_is_all(lake: Lake) -> None:
    assert impact(lake, "model", "writer-8b").tables["captions"].rows == whole(lake, "captions").height


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [("prompt", "dens", "did you mean dense?"), ("source", "extras", "did you mean extra?"),
     ("model", "zzz", "it has writer-8b"), ("seed", "s0", "unicorn lineage ID")],
)  # fmt: skip
def test_what_the_lake_does_not_know_is_answered_with_what_it_knows(
    kind: str, name: str, hint: str, lake: Lake
) -> None:
    with pytest.raises(UserError) as unknown:
        impact(lake, kind, name)
    assert hint in unknown.value.hint


def judged(home: Path, lake: Lake, gate: str, sample: int | None = None) -> dict[str, int]:
    place = home / "recipe.yaml"
    found = rejudge(lake, place, Gate.parse(gate, load_recipe(place)), sample)
    assert of_gate(lake, found).tables[found.stage].rows == found.rows - found.outcomes["unchanged"].rows
    return {kind: estimate.rows for kind, estimate in found.outcomes.items() if estimate.rows}


def test_the_gate_there_is_changes_nothing(home: Path, lake: Lake) -> None:
    assert judged(home, lake, "captions.min_words=51") == {"unchanged": 200}


def test_a_stricter_gate_refuses_what_is_shorter(home: Path, lake: Lake) -> None:
    drafts = whole(lake, "caption_drafts")
    # Rows that had a second draft ask for another: it would be told the new number of words.
    waiting = drafts.filter((pl.col("words") < 80) | (pl.col("drafts") > 1)).height
    refused = whole(lake, "quarantine/caption_drafts").height
    assert judged(home, lake, "captions.min_words=80")["to be asked"] == waiting + refused
    assert waiting


def test_a_looser_gate_takes_the_first_draft(home: Path, lake: Lake) -> None:
    refused, second = whole(lake, "quarantine/caption_drafts").height, whole(lake, "caption_drafts")
    found = judged(home, lake, "captions.min_words=1")
    assert found["changed"] == second.filter(pl.col("drafts") > 1).height
    assert found["accepted now"] == refused


def test_a_gate_that_the_prompt_names_asks_all_rows_again(home: Path, lake: Lake) -> None:
    place = home / "recipe.yaml"
    recipe = load_recipe(place)
    named = rejudge(lake, place, Gate.parse("captions.max_words=480", recipe), 20)
    hidden = rejudge(lake, place, Gate.parse("captions.max_sentences=39", recipe), 20)
    assert (named.asks_anew, hidden.asks_anew, hidden.judged) == (True, False, 20)
    assert (
        of_gate(lake, named).tables["caption_drafts"].calls
        == impact(lake, "prompt", "dense").tables["caption_drafts"].calls
    )
    assert not of_gate(lake, hidden).tables["caption_drafts"].calls


def test_a_least_cosine_reads_captions_and_asks_nobody(home: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = stand_in()
    monkeypatch.setattr(redrift, "open_encoder", lambda _: plain.PlainEncoder("plain", "1"))
    recipe = load_recipe(home / "recipe.yaml")
    seeds = dict(whole(lake, "seeds").select("seed_id", "text").iter_rows())
    captions = whole(lake, "captions")
    pairs = captions.select("seed_id", "text").iter_rows()
    near = [plain.vector(seeds[seed]) @ plain.vector(text) for seed, text in pairs]
    gate = Gate.parse("drift.min_cosine=0.1", recipe)
    found = redrift.rejudge_drift(lake, recipe, gate, None)
    far = sum(cosine < 0.1 for cosine in near)
    assert (found.stage, found.gate, found.before, found.after) == ("captions", "drift.min_cosine", -1, 0.1)
    assert 0 < far < captions.height == found.rows
    assert {kind: estimate.rows for kind, estimate in found.outcomes.items() if estimate.rows} == {
        "unchanged": captions.height - far, "refused now": far,
    }  # fmt: skip
    assert found.reasons["drifted"].rows == far
    told = of_gate(lake, found)
    assert (told.tables["captions"].rows, told.to_dict()["total"]["calls"]) == (far, 0)
    assert told.shards == lake.shards("captions")
    some = redrift.rejudge_drift(lake, recipe, gate, 50)
    assert (some.judged, some.rows) == (50, captions.height)
    refused = some.outcomes["refused now"]
    assert refused.low <= far <= refused.high


@pytest.mark.parametrize(
    ("gate", "words"),
    [("min_cosine=far", "does not fit"), ("drift.min_cosine=2", "does not fit"),
     ("drift.min_cosin=0.2", "did you mean drift.min_cosine=VALUE?"),
     ("min_words", "names no gate"), ("captions.min_word=3", "did you mean captions.min_words=VALUE?"),
     ("min_pairs=3", "say which: multiple_choice.min_pairs"), ("captions.min_words=many", "does not fit"),
     ("captions.min_words=[", "does not fit")],
)  # fmt: skip
def test_a_gate_that_is_none_is_one_line(gate: str, words: str, home: Path) -> None:
    with pytest.raises(UserError) as told:
        Gate.parse(gate, load_recipe(home / "recipe.yaml"))
    assert words in f"{told.value.message} {told.value.hint}"


def test_an_estimate_s_interval_holds_its_value_and_shrinks_to_it() -> None:
    for count in (0, 3, 50, 100):
        estimate = scaled(count, 100, 1000)
        assert estimate.low <= estimate.rows <= estimate.high
        assert estimate.low < estimate.high
    exact = scaled(7, 100, 100)
    assert (exact.low, exact.rows, exact.high) == (7, 7, 7)
