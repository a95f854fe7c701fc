"""Recipes for these tests: everything default except stage 3."""

from pathlib import Path
from typing import Any

from unicorn_assets.recipe import Recipe


def recipe_of(folder: Path, **sections: dict[str, Any]) -> Recipe:
    """A recipe whose relative paths start at `folder`."""
    raw = {"name": "test", "sources": [{"name": "a", "path": "a.txt"}], "llm": {}, **sections}
    recipe = Recipe.model_validate(raw)
    recipe._folder = folder
    return recipe
