"""The encoder as a Dagster resource: loaded on first use, kept for the run."""

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from unicorn_assets.resources.loaded import loaded
from unicorn_assets.resources.variant import RecipeResource

if TYPE_CHECKING:
    from unicorn_assets.encoders import Encoder


class EncoderResource(dg.ConfigurableResource):
    """The text and image encoder that the recipe names."""

    recipe: str
    variant: RecipeResource
    _encoder: "Encoder | None" = PrivateAttr(default=None)

    def open(self) -> "Encoder":
        """The loaded encoder."""
        from unicorn_assets.encoders import open_encoder

        if self._encoder is None:
            self._encoder = open_encoder(self.variant.of(loaded(self.recipe)))
        return self._encoder
