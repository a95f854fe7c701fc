"""The encoder as a Dagster resource: loaded on first use, kept for the run."""

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from unicorn_assets.resources.loaded import loaded
from unicorn_assets.resources.variant import RecipeResource

if TYPE_CHECKING:
    from unicorn_assets.encoders import Encoder


class EncoderResource(dg.ConfigurableResource):
    """The text and image encoder that the recipe names, and the one that reads captions for `drift`."""

    recipe: str
    variant: RecipeResource
    _encoder: "Encoder | None" = PrivateAttr(default=None)
    _reader: "Encoder | None" = PrivateAttr(default=None)

    def open(self) -> "Encoder":
        """The loaded encoder."""
        from unicorn_assets.encoders import open_encoder

        if self._encoder is None:
            self._encoder = open_encoder(self.variant.of(loaded(self.recipe)))
        return self._encoder

    def reader(self) -> "Encoder":
        """The loaded encoder that the recipe's `drift` names."""
        from unicorn_assets.captions.drift import reading
        from unicorn_assets.encoders import open_encoder

        if self._reader is None:
            recipe = reading(self.variant.of(loaded(self.recipe)))
            assert recipe is not None, "only a recipe with `drift` asks for it"
            self._reader = open_encoder(recipe)
        return self._reader
