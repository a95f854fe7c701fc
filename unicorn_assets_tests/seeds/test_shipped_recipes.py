"""The recipes and seed files in recipes/ are what their README says."""

import csv
import json
from pathlib import Path

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


def test_the_large_recipe_loads_without_a_network() -> None:
    recipe = load_recipe(RECIPES / "unicorn-1.2m.yaml")
    weights = [
        recipe.instructions.task(name).weight for name in ("multiple_choice", "question_answering", "complex_reasoning")
    ]
    assert weights == [171, 199, 100]
    assert round(recipe.instructions.share * 1_243_195, -3) == 471_000
    assert (recipe.shard_rows, recipe.llm.model) == (4000, "Qwen/Qwen2.5-72B-Instruct")
    assert all(path.startswith("s3://") for source in recipe.sources for path in (source.path, source.labels) if path)
