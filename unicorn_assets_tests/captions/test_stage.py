import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from unicorn_assets.captions.stage import prompt_of
from unicorn_assets.errors import UserError
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.stages import stages
from unicorn_assets_tests.scripted import MODEL, ask_by, draft_captions, recipe

ANIMALS = ["dog", "cat", "horse", "goat", "sheep", "fox", "hen", "duck"]
RECIPE = recipe(captions={"gates": {"min_words": 12}})


def seeds_of(animals: list[str]) -> pl.DataFrame:
    rows = [
        {"seed_id": f"s{n}", "source": "a", "text": f"A {a} near a wall", "domain": "open"}
        for n, a in enumerate(animals)
    ]
    return pl.DataFrame(rows)


def say(request: ChatRequest) -> str:
    animal = next(a for a in ANIMALS if f" {a} " in request.messages[-1]["content"])
    if animal == "fox":
        return "I'm sorry."
    if (
        animal == "hen"
        and "Refused" not in request.messages[-1]["content"]
        and "refused" not in request.messages[-1]["content"]
    ):
        return "Too short."
    return f"A {animal} with thick fur stands near a wall of grey stones. Tall grass grows along the wall."


def test_every_seed_ends_in_one_table_in_the_order_of_the_seeds():
    drafts, refused = draft_captions(seeds_of(ANIMALS), RECIPE, ask_by(say))
    assert drafts["seed_id"].to_list() == ["s0", "s1", "s2", "s3", "s4", "s6", "s7"]
    assert refused["row_id"].to_list() == ["s5"]
    assert dict(drafts.schema) == polars_schema("caption_drafts")
    assert dict(refused.schema) == polars_schema("quarantine")
    assert refused.row(0, named=True) | {"at": None, "request_hash": None} == {
        "stage": "caption_drafts",
        "row_id": "s5",
        "parent_id": "s5",
        "reason": "refusal",
        "detail": 'Do the task; do not say "I\'m sorry".',
        "raw_answer": "I'm sorry.",
        "attempts": 2,
        "model": MODEL,
        "request_hash": None,
        "at": None,
    }


def test_a_second_draft_tells_the_problem_and_is_counted():
    drafts, _ = draft_captions(seeds_of(["hen"]), RECIPE, ask_by(say))
    assert drafts["drafts"].to_list() == [2]


def test_the_order_of_answers_does_not_matter():
    shuffled = ask_by(say, order=lambda outcomes: random.Random(3).sample(outcomes, len(outcomes)))
    plain, other = (draft_captions(seeds_of(ANIMALS), RECIPE, ask) for ask in (ask_by(say), shuffled))
    assert_frame_equal(plain[0], other[0])
    assert_frame_equal(plain[1].drop("at"), other[1].drop("at"))


def test_a_row_gives_the_same_caption_whatever_stands_around_it():
    whole, _ = draft_captions(seeds_of(ANIMALS), RECIPE, ask_by(say))
    alone, _ = draft_captions(seeds_of(ANIMALS)[2:3], RECIPE, ask_by(say))
    assert_frame_equal(whole.filter(seed_id="s2"), alone)


def test_no_seeds_give_empty_tables():
    drafts, refused = draft_captions(seeds_of(["dog"]).clear(), RECIPE, ask_by(say))
    assert len(drafts) == len(refused) == 0


def version(made):
    return stages(made)["caption_drafts"].version


def test_version_follows_prompt_gates_and_model_and_nothing_else():
    assert version(RECIPE) == version(RECIPE.model_copy(update={"shard_rows": 5}))
    others = [
        recipe(captions={"gates": {"min_words": 13}}),
        recipe(captions={"gates": {"min_words": 12}, "prompt": "short"}),
        recipe(captions={"gates": {"min_words": 12}}, llm={"model": "other"}),
        recipe(captions={"gates": {"min_words": 12}}, llm={"revision": "2"}),
    ]
    assert len({version(made) for made in [RECIPE, *others]}) == 5


@pytest.mark.parametrize("name", ["dense", "short"])
def test_prompts_that_ship_are_filled(name: str):
    prompt = prompt_of(recipe(captions={"prompt": name}))
    assert "{" not in "".join(turn["content"] for turn in prompt.render({"seed": "x"}))
    with pytest.raises(UserError, match="dense, short"):
        prompt_of(recipe(captions={"prompt": "unheard-of"}))


@pytest.mark.parametrize(
    ("seed", "english"),
    [
        ("a red kayak on a gravel beach", True),
        ("red kayak", True),
        ("Rio de Janeiro beach at sunset", True),
        ("😀😀😀", True),
        ("犬がテーブルの下にいる", False),
        ("كلب تحت الطاولة", False),
        ("собака под столом", False),
        ("perro debajo de la mesa", False),
        ("un chat sous la table", False),
        ("ein Hund unter dem Tisch", False),
    ],
)
def test_a_seed_in_another_language_is_named_as_such_when_it_is_refused(seed: str, english: bool) -> None:
    stage = stages(RECIPE)["caption_drafts"]
    (row,) = stage.rows(pl.DataFrame({"seed_id": ["s"], "text": [seed]}))
    assert ("does not read as English" in stage.hint(row, "ungrounded")) is not english
    assert stage.hint(row, "timeout") == ""
