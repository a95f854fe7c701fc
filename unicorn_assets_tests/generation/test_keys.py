"""The journal's keys of shipped recipes, as constants: a change of them would ask for every answer again."""

from pathlib import Path

import polars as pl
import pytest

from unicorn_assets.instructions.answer import FreePair
from unicorn_assets.instructions.multiple_choice.two_steps import OptionsRow, two_steps
from unicorn_assets.instructions.stage import prompt_of
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.stages import stages
from unicorn_assets_tests.scripted import recipe

RECIPES = Path(__file__).parents[2] / "recipes"
SEED = "a red bicycle leaning on a wall"
CAPTION = (
    "A man in a yellow helmet digs a hole next to a brick house. A shovel leans against the white wall. Tall grass "
    "grows by the door."
)
KEYS = {
    ("demo", "caption_drafts"): ("88d581b18f4cc6028075b7c4dece7275", "76e008d615a684efcd6cbb9b71fd5c9d"),
    ("demo", "multiple_choice"): ("32dcf5900e5f11fb71db929589b24117", "4275f4c87dad2f29d2e78f843b4f5caa"),
    ("demo", "question_answering"): ("de1a0481900d9dcb9bcc759931d3be32", "6cad0a4fbf2dc827dbd9c6ab87578ec4"),
    ("demo", "complex_reasoning"): ("21cd0948fc8b8b15268757193c8c0454", "3235814bf14412215a85f689e3fa60bd"),
    ("wordnet-domains", "caption_drafts"): ("8c30d615c10d9a064d976d0ff7cb84ab", "10eb787d7f1c26ee8a8e84c6006e8838"),
    ("unicorn-1.2m", "caption_drafts"): ("5cc4d6c57c46d1838db6628d46f18193", "018bea2ebae847988b1a8ebc72cdb1eb"),
    ("unicorn-1.2m", "multiple_choice"): ("ab6e7d775227a045ee632a4a7941eebc", "8ebc5cf74cd62d918cb58c76a4802d45"),
    ("unicorn-1.2m", "question_answering"): ("ba840cfa8c1f3dea924fc5265a8e3e6f", "14f2411bae50d1fb28810828323c7f42"),
    ("unicorn-1.2m", "complex_reasoning"): ("e519b52eaf4e58cd1e2050b75dc698b5", "3852f62c3b0fc49e4a74848ac14fd990"),
}
OPTIONS = ("19c321eea9d8401c8c3cbaaf3c98afa6", "54e2341a534ad5dfc520474357c51d34")


def keys_of(row) -> tuple[str, str]:
    """Of the first request, and of the one that follows a refusal."""
    return row.request(0, None).key("m", "r"), row.request(1, "Too short.").key("m", "r")


@pytest.mark.parametrize(("file", "stage"), KEYS)
def test_a_stage_asks_as_it_always_did(file: str, stage: str) -> None:
    text = SEED if stage == "caption_drafts" else CAPTION
    parents = pl.DataFrame({"seed_id": ["s1"], "caption_id": ["c1"], "text": [text], "task": [stage]})
    (row,) = stages(load_recipe(RECIPES / f"{file}.yaml"))[stage].rows(parents)
    assert keys_of(row) == KEYS[file, stage]


def test_the_second_step_of_multiple_choice_asks_as_it_always_did() -> None:
    made = load_recipe(RECIPES / "demo.yaml")
    steps, settings = two_steps(made, prompt_of(made, "multiple_choice")), made.instructions.task("multiple_choice")
    assert steps is not None
    pair = FreePair(question="What leans against the wall?", answer="A shovel")
    assert keys_of(OptionsRow("c1#0", CAPTION, pair, steps.second, settings)) == OPTIONS


def test_requests_of_a_stage_share_one_schema() -> None:
    """Building one takes a millisecond: forty times what the rest of a request takes."""
    parents = pl.DataFrame({"caption_id": ["c1", "c2"], "text": [CAPTION, SEED], "task": ["multiple_choice"] * 2})
    one, other = (row.request(0, None).schema for row in stages(recipe())["multiple_choice"].rows(parents))
    assert one is other
