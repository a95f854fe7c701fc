"""Recipes of one's own files, written in a line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unicorn_assets.recipe import Recipe, Source
from unicorn_assets.seeds.readers import read_source
from unicorn_assets.seeds.rows import Fault, Row

MakeRecipe = Callable[..., Recipe]
Read = Callable[..., list[Row | Fault]]


@pytest.fixture
def make_recipe(tmp_path: Path) -> MakeRecipe:
    def make(*sources: dict[str, Any], **keys: Any) -> Recipe:
        named = [{"name": f"s{number}"} | source for number, source in enumerate(sources)]
        recipe = Recipe.model_validate({"name": "test", "sources": named, "llm": {}} | keys)
        recipe._folder = tmp_path
        return recipe

    return make


@pytest.fixture
def read(tmp_path: Path, make_recipe: MakeRecipe) -> Read:
    """Rows and faults of one file with the given content."""

    def read_file(name: str, content: bytes | str, **source: Any) -> list[Row | Fault]:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        recipe = make_recipe({"path": name} | source)
        return list(read_source(recipe, Source.model_validate(recipe.sources[0])))

    return read_file
