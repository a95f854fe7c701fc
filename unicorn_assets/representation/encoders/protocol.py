"""What every encoder offers, and what follows from that alone. No model code."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.representation.vectors import Space

if TYPE_CHECKING:
    from PIL.Image import Image

Progress = Callable[[int], None]
"""Called with the number of rows just finished."""

TOLERANCE = 1e-5
"""A row's vector differs by at most this much in any component, in fp32, whatever other rows are encoded with it."""


class Encoder(Protocol):
    """A text and image encoder with one shared space.

    name and revision identify the weights; window is how many tokens of a text are read, special tokens included.
    """

    @property
    def name(self) -> str:
        """The encoder's name."""
        ...

    @property
    def revision(self) -> str:
        """Which weights: a hash of the file, or the tag they are published under."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def window(self) -> int:
        """Tokens of a text that are read."""
        ...

    def encode_texts(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows in the order of `texts`."""
        ...

    def encode_images(self, images: "Sequence[Image]", on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows in the order of `images`."""
        ...

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text before truncation, special tokens included."""
        ...


def space_of(encoder: Encoder) -> Space:
    """The space this encoder's vectors live in."""
    return Space(encoder.name, encoder.revision, encoder.dimension)


def truncated_rows(encoder: Encoder, texts: Sequence[str]) -> list[int]:
    """Rows whose text is longer than the window: their tail has no effect on the vector."""
    return [row for row, count in enumerate(encoder.token_counts(texts)) if count > encoder.window]
