"""The encoder as a Dagster resource: loaded on first use, kept for the run."""

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from unicorn_assets.recipe import Recipe
from unicorn_assets.resources.loaded import loaded
from unicorn_assets.resources.variant import RecipeResource

if TYPE_CHECKING:
    from unicorn_assets.encoders import Encoder


class EncoderResource(dg.ConfigurableResource):
    """The text and image encoder that the recipe names, and those that read captions for `drift` and for repeats."""

    recipe: str
    variant: RecipeResource
    _opened: "dict[object, Encoder]" = PrivateAttr(default_factory=dict)

    def open(self) -> "Encoder":
        """The loaded encoder."""
        return self._open(self.variant.of(loaded(self.recipe)))

    def reader(self) -> "Encoder":
        """The loaded encoder that the recipe's `drift` names."""
        from unicorn_assets.captions.drift import reading

        recipe = reading(self.variant.of(loaded(self.recipe)))
        assert recipe is not None, "only a recipe with `drift` asks for it"
        return self._open(recipe)

    def comparer(self) -> "Encoder":
        """The loaded encoder that the recipe's `near_duplicates` names."""
        from unicorn_assets.captions.repeats import reading

        recipe = reading(self.variant.of(loaded(self.recipe)))
        assert recipe is not None, "only a recipe with `near_duplicates.cosine` asks for it"
        return self._open(recipe)

    def _open(self, recipe: Recipe) -> "Encoder":
        from unicorn_assets.encoders import open_encoder

        if recipe.encoder not in self._opened:
            self._opened[recipe.encoder] = open_encoder(recipe)
        return self._opened[recipe.encoder]
