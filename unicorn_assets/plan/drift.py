"""The recipe's `drift` in a plan: which of the captions that are known by now a run would refuse.

The encoder is loaded when the first captions come. Here: that, and how many are read. Not here: when a caption has
strayed (captions/drift.py).
"""

import polars as pl

from unicorn_assets.captions.drift import judged, reading
from unicorn_assets.encoders import Encoder, identify, open_encoder
from unicorn_assets.encoders.fingerprint import ABSENT
from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe

READ = 300
"""Most captions that a look at the journal reads; beyond that an even part of them stands for all."""


class Drifting:
    """Refuses captions as a run would. `unread` says why it does not, where this machine cannot read them."""

    def __init__(self, recipe: Recipe) -> None:
        self.unread = ""
        self._recipe, self._reading = recipe, reading(recipe)
        self._encoder: Encoder | None = None

    def part(self, captions: pl.DataFrame) -> tuple[pl.DataFrame, float]:
        """An even part of the captions that is soon read, and how many each of them stands for."""
        if self._reading is None or captions.height <= READ:
            return captions, 1.0
        kept = captions.gather_every(-(-captions.height // READ))
        return kept, captions.height / kept.height

    def kept(self, captions: pl.DataFrame, seeds: pl.DataFrame) -> pl.DataFrame:
        """The captions that have not strayed from their seeds."""
        if self._reading is None or self.unread or not captions.height:
            return captions
        try:
            return judged(captions, seeds, self._recipe, self._open)[0]
        except UserError as error:
            self.unread = error.message
            return captions

    def _open(self) -> Encoder:
        assert self._reading is not None, "only a recipe with `drift` reads captions"
        if self._encoder is None:
            name, revision = identify(self._reading)
            if revision == ABSENT:  # a plan fetches no weights
                raise UserError(f"the weights of {name} are not on this machine yet")
            self._encoder = open_encoder(self._reading)
        return self._encoder
