"""The recipe that the definitions of this process were built from.

Dagster builds resources anew from their configuration for each run. They must not read the recipe file again: somebody
may have edited it since, and one run would then follow two recipes.
"""

from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_file import load_recipe

_LOADED: dict[str, Recipe] = {}


def keep(path: str, recipe: Recipe) -> None:
    """Make `recipe` the one that this process means by `path`."""
    _LOADED[path] = recipe


def loaded(path: str) -> Recipe:
    """The kept recipe; read now in a process that has built no definitions."""
    if path not in _LOADED:
        _LOADED[path] = load_recipe(path)
    return _LOADED[path]
