import polars as pl

from unicorn_assets.captions.accept import accept_captions, draw_task
from unicorn_assets.curation.leaks import Item, Leaks
from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets_tests.scripted import recipe

DRAFT = {"text": "A dog.", "words": 2, "model": "m", "request_hash": "h", "prompt_version": "p", "drafts": 1}


def frames() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    rows = [DRAFT | {"caption_id": f"c{n}", "seed_id": f"s{n}"} for n in range(4)]
    drafts = pl.DataFrame(rows, schema=polars_schema("caption_drafts"))
    seeds = pl.DataFrame([{"seed_id": f"s{n}", "source": "a", "domain": "birds"} for n in range(3)])
    repeats = [
        {
            "caption_id": "c1",
            "duplicate_of": "c9",
            "kind": "jaccard",
            "jaccard": 0.8,
            "cosine": None,
            "shard": "a-00000",
        }
    ]
    return drafts, seeds, pl.DataFrame(repeats, schema=polars_schema("near_duplicates"))


def test_repeats_and_orphans_are_quarantined_and_the_rest_is_joined():
    captions, refused = accept_captions(*frames(), recipe(instructions={"share": 0}))
    assert captions["caption_id"].to_list() == ["c0", "c2"]
    assert captions["domain"].to_list() == ["birds", "birds"]
    assert captions["task"].to_list() == [None, None]
    assert dict(captions.schema) == polars_schema("captions")
    assert dict(zip(refused["row_id"], refused["reason"], strict=True)) == {"c1": "near_duplicate", "c3": "no_seed"}
    assert "c9" in refused["detail"][0]
    assert refused["raw_answer"][0] == "A dog."


def test_a_draft_that_holds_an_item_of_a_benchmark_is_leaked():
    drafts, seeds, repeats = frames()
    text = "How many lamps hang over the long table"
    drafts = drafts.with_columns(text=pl.when(caption_id="c0").then(pl.lit(text + ".")).otherwise("text"))
    captions, refused = accept_captions(drafts, seeds, repeats, recipe(), Leaks([Item("quiz", "q7", (text,))]))
    assert captions["caption_id"].to_list() == ["c2"]
    assert refused.filter(row_id="c0").select("reason", "detail").row(0) == (
        "leaked", "holds the whole text of item q7 of quiz",
    )  # fmt: skip


def test_tasks_approach_share_and_weights():
    instructions = recipe(instructions={"share": 0.5}).instructions
    drawn = [draw_task(f"c{n}", instructions) for n in range(20_000)]
    for name, weight in zip(TASK_NAMES, (171, 199, 100), strict=True):
        assert abs(drawn.count(name) / 20_000 - 0.5 * weight / 470) < 0.015
    assert drawn == [draw_task(f"c{n}", instructions) for n in range(20_000)]


def test_no_weight_means_no_task():
    none = {name: {"weight": 0} for name in TASK_NAMES}
    assert draw_task("c1", recipe(instructions={"share": 1, **none}).instructions) is None
    only = {**none, "complex_reasoning": {"weight": 2}}
    assert draw_task("c1", recipe(instructions={"share": 1, **only}).instructions) == "complex_reasoning"
