"""A variant of the recipe for one run, to try other prompts, gates or settings from the UI's launchpad.

It is the same data set: lake, seeds and partition keys are the recipe's, and so is what Dagster settled before the run
(pools, pods, code versions that it shows). All else may differ. What it makes is made again by the next run without it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_file import load_recipe


class RecipeResource(dg.ConfigurableResource):
    """The recipe of a run, for its launchpad: `resources: {recipe: {config: {variant: ...}}}`."""

    variant: str = Field(
        default="",
        description="A variant of the recipe for this run: its path, or its text in YAML. Empty: the recipe itself.",
    )

    def of(self, planned: Recipe) -> Recipe:
        """The recipe that the run follows: `planned`, of the code location, or the variant of it."""
        return variant_of(planned, self.variant)


TEXT = "recipe of this run"
"""What errors call a variant that was given as text."""


def variant_of(planned: Recipe, given: str) -> Recipe:
    """`planned` where nothing is given, else the recipe at this path, or of this YAML text (more than one line);
    relative paths in a text start where those of `planned` do. UserError for one that is not a variant of `planned`.
    """
    if not given.strip():
        return planned
    variant = load_recipe(planned.folder / TEXT, text=given) if "\n" in given.strip() else load_recipe(Path(given))
    for what, value in _SETTLED.items():
        if value(planned) != value(variant):
            raise UserError(
                f"a variant of {planned.name!r} for one run must have the same {what}",
                "it decides which shards there are or where steps run: make this a data set of its own, by its name",
            )
    return variant


def _sources(recipe: Recipe) -> list[dict[str, Any]]:
    """The sources with the files that they mean, wherever the recipe lies."""
    found = [source.model_dump(mode="json") for source in recipe.sources]
    for source in found:
        source |= {key: recipe.locate(source[key]) for key in ("path", "labels", "templates") if source[key]}
    return found


_SETTLED: dict[str, Callable[[Recipe], Any]] = {
    "name": lambda recipe: recipe.name,
    "sources": _sources,
    "seeds": lambda recipe: recipe.seeds,
    "shard_rows": lambda recipe: recipe.shard_rows,
    "llm.endpoint": lambda recipe: recipe.llm.endpoint,
    "llm.vllm.tensor_parallel_size": lambda recipe: recipe.llm.vllm.tensor_parallel_size,
    "encoder.kind": lambda recipe: recipe.encoder.kind,
    "encoder.device": lambda recipe: recipe.encoder.device,
    "image_reference.kind": lambda recipe: recipe.image_reference.kind,
}
