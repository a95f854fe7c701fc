"""The pocket encoder with this room's batches and progress. The model itself lives in ../pocket/."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.representation.encoders.batches import IMAGE_BATCH, by_budget, encode_batches
from unicorn_assets.representation.encoders.protocol import Progress
from unicorn_assets.representation.pocket.encoder import PocketEncoder

if TYPE_CHECKING:
    from PIL.Image import Image


class BatchedPocketEncoder:
    """An `Encoder`: the shipped pocket encoder, an icon-domain model for demos and tests."""

    def __init__(self, device: str = "cpu", batch_tokens: int = 16384) -> None:
        self._pocket = PocketEncoder(device=device)
        self._batch_tokens = batch_tokens
        self.name, self.revision = self._pocket.name, self._pocket.revision
        self.dimension, self.window = self._pocket.dimension, self._pocket.window

    def encode_texts(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows in the order of `texts`."""
        lengths = [min(count, self.window) for count in self.token_counts(texts)]

        def encode(rows: list[int]) -> NDArray[np.float32]:
            return self._pocket.encode_texts([texts[row] for row in rows], batch=len(rows))

        vectors = np.empty((len(texts), self.dimension), np.float32)
        return encode_batches(by_budget(lengths, self._batch_tokens), encode, vectors, on_progress)

    def encode_images(self, images: "Sequence[Image]", on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows in the order of `images`."""
        vectors = np.empty((len(images), self.dimension), np.float32)
        batches = by_budget([1] * len(images), IMAGE_BATCH)
        return encode_batches(
            batches, lambda rows: self._pocket.encode_images([images[row] for row in rows]), vectors, on_progress
        )

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text before truncation, special ones included."""
        return self._pocket.token_counts(texts)
