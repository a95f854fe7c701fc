"""The versions that a look at a lake goes by are those that the assets carry."""

from pathlib import Path

from unicorn_assets.assets.every import build_assets
from unicorn_assets.keys import asset_name
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.versions import versions
from unicorn_assets_tests.scripted import recipe

DEMO = Path(__file__).parents[1] / "recipes" / "demo.yaml"


def test_a_budget_is_in_no_version() -> None:
    budgets = ({}, {"judge": {"budget": {"calls": 5}}}, {"judge": {"budget": {"tokens": 9_000}}}, {"judge": {}})
    none, *judged = (versions(recipe(instructions=each)) for each in budgets)
    assert judged[0] == judged[1]
    changed = {name for name, version in judged[0].items() if version != none[name]}
    assert {"multiple_choice", "question_answering", "complex_reasoning"} <= changed
    assert judged[0] == judged[2]


def test_every_asset_has_its_version() -> None:
    made = load_recipe(DEMO)
    specs = [spec for asset in build_assets(made) for spec in asset.specs]
    assert versions(made) == {asset_name(spec.key): spec.code_version for spec in specs}
