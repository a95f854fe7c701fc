"""A plan against what a run then really asks, on a server that answers from a script."""

import json
from functools import partial

import numpy as np
import polars as pl
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.generation.asking import Asker
from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.lake.browse import browse
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.errors import BudgetReached
from unicorn_assets.llm.spend.ledger import Ledger
from unicorn_assets.plan import drift
from unicorn_assets.plan.estimate import estimate
from unicorn_assets.plan.left import Left, accepted
from unicorn_assets.plan.make import make_plan
from unicorn_assets.plan.sample import USED, StageSample, draw
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.seeds.catalog import build_catalog
from unicorn_assets.terminal.plan import plan_sentences
from unicorn_assets_tests.plan.server import Places, Scripted, half, write_recipe
from unicorn_assets_tests.scripted import draft_captions, write_pairs

PRICE = ", price: {prompt: 100, completion: 300, cached_prompt: 50}"


@pytest.fixture
def server():
    with Scripted() as server:
        yield server


def asker_of(recipe, lake):
    return Asker(recipe.llm, lake.url, lake.files)


def plan(folder, size=30):
    recipe, lake = load_recipe(folder / "recipe.yaml"), Lake(str(folder / "lake"))
    with asker_of(recipe, lake) as asker:
        return make_plan(recipe, lake, asker, size)


def run(folder):
    """Stages 1 and 2 over everything, as the assets do it; returns the ledger of each stage."""
    recipe, lake = load_recipe(folder / "recipe.yaml"), Lake(str(folder / "lake"))
    catalog = build_catalog(recipe, None).catalog
    ledgers: dict[str, Ledger] = {}
    with asker_of(recipe, lake) as asker:
        ask, ledgers["caption_drafts"] = asker.asking(lambda _: None)
        drafts, _ = draft_captions(catalog, recipe, ask)
        captions = accepted(drafts, catalog, recipe)
        for task in TASK_NAMES:
            ask, ledgers[task] = asker.asking(lambda _: None)
            write_pairs(task, captions, recipe, ask)
    return ledgers


def test_a_plan_tells_what_the_run_then_asks_and_nothing_is_paid_twice(tmp_path, server):
    write_recipe(tmp_path, server.url, rows=400, llm=PRICE)
    found = plan(tmp_path)
    sampled = server.calls
    assert found.sample["calls"] == sampled
    ledgers = run(tmp_path)
    assert set(server.messages.values()) == {1}
    assert sum(ledger.calls for ledger in ledgers.values()) == server.calls - sampled
    for stage, ledger in ledgers.items():
        rest = found.stages[stage].rest
        for name in ("calls", "prompt_tokens", "completion_tokens", "cached_tokens"):
            assert rest[name].low <= getattr(ledger, name) <= rest[name].high, (stage, name)
            assert rest[name].low <= rest[name].value <= rest[name].high
    # The intervals say something: the rest is known to about a tenth.
    calls = found.total["calls"]
    assert calls.high - calls.low < 0.35 * calls.value
    assert abs(calls.value - (server.calls - sampled)) < 0.15 * calls.value
    cost = sum(ledger.cost(load_recipe(tmp_path / "recipe.yaml").llm.price) for ledger in ledgers.values())
    assert found.usd.low <= cost <= found.usd.high
    # Afterwards nothing is left, and another plan asks nothing.
    before = server.calls
    again = plan(tmp_path)
    assert server.calls == before
    assert again.total["calls"].high == 0
    assert again.spent.calls == before


def test_a_plan_is_in_the_ledger(tmp_path, server):
    write_recipe(tmp_path, server.url, llm=PRICE)
    found = plan(tmp_path, 10)
    rows = browse(Lake(str(tmp_path / "lake")), "ledger", 10).to_dicts()
    assert {row["shard"] for row in rows} == {"plan"}
    assert sum(row["calls"] for row in rows) == server.calls == found.sample["calls"]
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(found.spent.usd)


def test_a_sample_of_nothing_asks_nothing_and_bounds_everything(tmp_path, server):
    write_recipe(tmp_path, server.url)
    found = plan(tmp_path, 0)
    assert server.calls == 0
    assert found.total is None
    run(tmp_path)
    assert server.calls <= found.upper_bound.calls
    assert server.prompt_tokens + server.completion_tokens <= found.upper_bound.tokens


def test_a_plan_keeps_to_the_budget_and_says_whether_the_run_fits(tmp_path, server):
    write_recipe(tmp_path, server.url, llm=", budget: {calls: 12}")
    with pytest.raises(BudgetReached):
        plan(tmp_path)
    assert server.calls == 12
    for calls, verdict in ((80, "no"), (100_000, "yes")):
        write_recipe(tmp_path, server.url, llm=f", budget: {{calls: {calls}}}")
        found = plan(tmp_path, 15)
        assert found.budget["calls"]["fits"] == verdict
        assert found.budget["calls"]["spent"] == server.calls
        json.dumps(found.to_dict())


def test_a_larger_sample_keeps_the_smaller_one_and_every_source_has_a_part():
    rows = [(f"s{n}", "large" if n < 900 else "small") for n in range(905)]
    catalog = pl.DataFrame(rows, schema=["seed_id", "source"], orient="row")
    few, many = draw(catalog, 20), draw(catalog, 100)
    assert set(few["seed_id"]) < set(many["seed_id"])
    assert few.sort("seed_id").equals(draw(catalog.sample(fraction=1, shuffle=True, seed=1), 20).sort("seed_id"))
    assert few["source"].value_counts().sort("source").rows() == [("large", 20), ("small", 1)]
    assert few["weight"].sum() == pytest.approx(905)


def test_the_interval_holds_the_truth_about_as_often_as_it_says(tmp_path):
    """Samples of 12 rows of a skewed population; the totals of 300 further rows fall inside 95 % of the time."""
    write_recipe(tmp_path, "http://127.0.0.1:9")
    recipe, rng = load_recipe(tmp_path / "recipe.yaml"), np.random.default_rng(7)
    inside = 0
    for _ in range(200):
        population = rng.lognormal(4, 0.5, 312)
        used = np.repeat(population[:12, None], len(USED), axis=1)
        sample = StageSample(12, 1.0, used, np.ones(12))
        left = {stage: Left(None) for stage in ("caption_drafts", *TASK_NAMES)} | {
            "caption_drafts": Left(312, rest=300)
        }
        rest = estimate(recipe, left, {"caption_drafts": sample, **dict.fromkeys(TASK_NAMES, StageSample())})
        low, high = np.percentile(rest["caption_drafts"].used["completion_tokens"], (2.5, 97.5))
        inside += low <= population[12:].sum() <= high
    assert inside >= 180


def test_what_the_journal_has_is_not_left(tmp_path, server):
    write_recipe(tmp_path, server.url)
    recipe, lake = load_recipe(tmp_path / "recipe.yaml"), Lake(str(tmp_path / "lake"))
    catalog = build_catalog(recipe, None).catalog
    with asker_of(recipe, lake) as asker:
        ask, _ = asker.asking(lambda _: None)
        draft_captions(catalog.head(50), recipe, partial(ask))
    found = plan(tmp_path, 0)
    assert found.stages["caption_drafts"].left == Left(120, 0, 50, 70)


def test_looking_asks_nothing_also_when_the_recipe_wants_a_share_accepted(tmp_path, server):
    write_recipe(tmp_path, server.url)
    text = (tmp_path / "recipe.yaml").read_text()
    (tmp_path / "recipe.yaml").write_text(text.replace("captions:\n", "captions:\n  accept: {share: 1.0}\n"))
    found = plan(tmp_path, 15)
    assert set(server.messages.values()) == {1}
    before = server.calls
    again = plan(tmp_path, 0)
    assert server.calls == before
    assert again.upper_bound.calls >= 120 * 2
    assert found.stages["caption_drafts"].accepted_share == 1.0


def test_rows_of_a_source_that_is_not_there_yet_are_given_by_hand(tmp_path, server):
    write_recipe(tmp_path, server.url, rows=40)
    recipe, lake = load_recipe(tmp_path / "recipe.yaml"), Lake(str(tmp_path / "lake"))
    later = recipe.sources[0].model_copy(update={"name": "later", "path": "s3://no-such-bucket/seeds.parquet"})
    both = recipe.model_copy(update={"sources": [*recipe.sources, later]})
    with asker_of(recipe, lake) as asker:
        alone = make_plan(recipe, lake, asker, 0)
        found = make_plan(both, lake, asker, 0, given={"later": 360})
        with pytest.raises(UserError, match="no source 'other'"):
            make_plan(both, lake, asker, 0, given={"other": 1})
        with pytest.raises(UserError, match="no seed is left"):
            make_plan(recipe, lake, asker, 0, given={one.name: 9 for one in recipe.sources})
    assert (found.seeds, found.stages["caption_drafts"].left.rest) == (alone.seeds + 360, alone.seeds + 360)
    assert found.upper_bound.tokens == pytest.approx(alone.upper_bound.tokens * found.seeds / alone.seeds, rel=0.05)


def with_drift(folder, url, encoder="{}"):
    """The recipe of `write_recipe` with `drift`, its captions, and by task how many of them drift leaves."""
    write_recipe(folder, url, rows=200)
    run(folder)
    recipe, lake = load_recipe(folder / "recipe.yaml"), Lake(str(folder / "lake"))
    catalog = build_catalog(recipe, None).catalog
    with asker_of(recipe, lake) as asker:
        drafts, _ = draft_captions(catalog, recipe, asker.asking(lambda _: None)[0])
    captions = accepted(drafts, catalog, recipe)
    seeds = dict(catalog.select("seed_id", "text").iter_rows())
    rows = captions.select("seed_id", "text", "task").iter_rows()
    kept = [task for seed, text, task in rows if half(seeds[seed]) == half(text)]
    with (folder / "recipe.yaml").open("a", encoding="utf-8") as file:
        file.write(f"drift: {{min_cosine: 0.5, encoder: {encoder}}}\n")
    return captions, {task: kept.count(task) for task in ("multiple_choice", "question_answering")}


def test_captions_that_have_drifted_are_planned_no_pairs_for(tmp_path, server, monkeypatch):
    monkeypatch.setattr(drift, "open_encoder", lambda _: Places())
    captions, kept = with_drift(tmp_path, server.url)
    before = server.calls
    found = plan(tmp_path, 0)
    assert {task: found.stages[task].left.answered for task in kept} == kept
    assert {found.stages[task].left.rest for task in kept} == {0}
    # An even part stands for all where reading all would take long.
    monkeypatch.setattr(drift, "READ", 40)
    thinned = plan(tmp_path, 0)
    for task, rows in kept.items():
        assert abs(thinned.stages[task].left.answered - rows) <= rows / 2
    # In a lake of its own all is to be asked: a sample tells how many captions will be left.
    (tmp_path / "lake").rename(tmp_path / "old")
    sampled = plan(tmp_path, 60)
    assert server.calls > before
    for task, rows in kept.items():
        need = sampled.stages[task].rest["rows"]
        assert need.low <= rows <= need.high < captions.filter(task=task).height
    assert sampled.drift_unread == ""


def test_a_plan_says_so_where_it_cannot_read_for_drift(tmp_path, server):
    captions, kept = with_drift(tmp_path, server.url, "{kind: open_clip, model: 'hf-hub:someone/none'}")
    found = plan(tmp_path, 0)
    assert {task: found.stages[task].left.answered for task in kept} == {
        task: captions.filter(task=task).height for task in kept
    }
    assert found.drift_unread == "the weights of hf-hub:someone/none are not on this machine yet"
    assert any(found.drift_unread in sentence for sentence in plan_sentences(found))
