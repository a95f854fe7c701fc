"""The recipes and seed files in recipes/ are what their README says."""

import csv
import json
from pathlib import Path

import pytest

from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.seeds.catalog import build_catalog, shards_of

RECIPES = Path(__file__).parents[2] / "recipes"
SEEDS = RECIPES / "seeds"


def test_the_demo_has_about_a_hundred_seeds_in_four_sources() -> None:
    recipe = load_recipe(RECIPES / "demo.yaml")
    result = build_catalog(recipe, None)
    assert len(recipe.sources) == 4
    assert 90 <= result.catalog.height <= 110
    assert result.quarantine.height == 0
    assert 4 <= len(shards_of(result.catalog)) <= 6
    assert recipe.llm.endpoint == "embedded"
    assert recipe.sources[0].max_rows is None, "the demo shows what a line added to the first source does"


def test_the_whole_seed_files_are_clean() -> None:
    recipe = load_recipe(RECIPES / "demo.yaml")
    sources = [source.model_copy(update={"max_rows": None}) for source in recipe.sources]
    sources.append(sources[0].model_copy(update={"name": "more", "path": "seeds/everyday-more.jsonl"}))
    whole = recipe.model_copy(update={"sources": sources})
    result = build_catalog(whole, None)
    assert result.quarantine["detail"].to_list() == []
    assert result.catalog.height == 84 + 48 + 80 + 80


def test_captions_are_short_single_sentences() -> None:
    files = [SEEDS / "everyday.jsonl", SEEDS / "everyday-more.jsonl"]
    lines = [json.loads(line)["text"] for file in files for line in file.read_text().splitlines()]
    with (SEEDS / "places.csv").open(newline="") as file:
        lines += [row["caption"] for row in csv.DictReader(file)]
    for line in lines:
        assert 6 <= len(line.split()) <= 14, line
        assert line[0].isupper(), line
        assert not line.endswith("."), line


def test_every_file_has_its_origin_and_licence_in_the_readme() -> None:
    readme = (SEEDS / "README.md").read_text()
    for file in SEEDS.iterdir():
        assert file.name == "README.md" or file.name in readme
    assert "Princeton University" in (SEEDS / "WORDNET-LICENSE.txt").read_text()


@pytest.mark.parametrize("name", ["unicorn-1.2m", "unicorn-ours"])
def test_the_large_recipes_have_seeds_enough_for_the_paper_s_counts(name: str) -> None:
    recipe = load_recipe(RECIPES / f"{name}.yaml")
    (open_domain,), domains = recipe.sources[:1], recipe.sources[1:]
    labels = sum(len(Path(recipe.locate(one.labels or "")).read_text().split("\n")) - 1 for one in domains)
    seeds = (open_domain.max_rows or 0) + 10 * labels
    tasks = [recipe.instructions.task(task) for task in ("multiple_choice", "question_answering", "complex_reasoning")]
    assert [task.weight for task in tasks] == [171, 199, 100]
    assert len(domains) == 18
    assert 10 * labels == 107_000
    assert recipe.captions.accept is not None
    assert recipe.captions.accept.share * seeds > 1.02 * 1_243_195, "near duplicates take a part"
    assert recipe.instructions.share * 1_243_195 * min(task.accept.share for task in tasks if task.accept) > 471_000
    assert (recipe.shard_rows, recipe.llm.model) == (4000, "Qwen/Qwen2.5-72B-Instruct")


def test_the_paper_s_recipe_is_the_paper() -> None:
    recipe = load_recipe(RECIPES / "unicorn-1.2m.yaml")
    assert (recipe.encoder.kind, recipe.transfer.method) == ("llm2clip", "mean_shift")
    assert (recipe.captions.gates.min_words, recipe.captions.gates.max_words) == (51, 483)
    assert "about 130 words" in Path(recipe.locate(recipe.captions.prompt)).read_text()
