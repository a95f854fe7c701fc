"""The versions that a look at a lake goes by are those that the assets carry."""

from pathlib import Path

from unicorn_assets.assets.every import build_assets
from unicorn_assets.keys import asset_name
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.versions import versions

DEMO = Path(__file__).parents[1] / "recipes" / "demo.yaml"


def test_every_asset_has_its_version() -> None:
    recipe = load_recipe(DEMO)
    specs = [spec for asset in build_assets(recipe) for spec in asset.specs]
    assert versions(recipe) == {asset_name(spec.key): spec.code_version for spec in specs}
