"""What every encoder offers, and what follows from that alone. No model code."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.vectors.rows import Space

if TYPE_CHECKING:
    from PIL.Image import Image

Progress = Callable[[int], None]
"""Called with the number of rows just finished."""

TOLERANCES = {"fp32": 1e-5, "fp16": 2e-3, "bf16": 1e-2}
"""A row's vector differs by at most this much in any component, whatever other rows are encoded with it."""

TOLERANCE = TOLERANCES["fp32"]


class TextVectors(NamedTuple):
    """Unit rows (n, dimension) of texts, and the rows whose text is longer than the window: its tail has no effect."""

    vectors: NDArray[np.float32]
    truncated: list[int]


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
        """Which weights: a hash of the files, a commit, or the tag they are published under."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def window(self) -> int:
        """Tokens of a text that are read."""
        ...

    @property
    def dtype(self) -> str:
        """What the forward pass computes in: fp32, fp16 or bf16. Vectors are returned as fp32."""
        ...

    def encode_texts(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows in the order of `texts`."""
        ...

    def embed_texts(self, texts: Sequence[str], on_progress: Progress | None = None) -> TextVectors:
        """The same, and which texts did not fit into the window."""
        ...

    def encode_images(self, images: "Sequence[Image]", on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows in the order of `images`."""
        ...

    def prepare_image(self, image: "Image") -> Any:
        """The image as the model takes it: small, whatever the image's size. May run in any thread."""
        ...

    def encode_prepared(self, prepared: Sequence[Any], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows of images that went through `prepare_image`."""
        ...


def space_of(encoder: Encoder) -> Space:
    """The space this encoder's vectors live in."""
    return Space(encoder.name, encoder.revision, encoder.dimension)


def about(encoder: Encoder) -> dict[str, str | int]:
    """What the metadata of vectors says of their encoder: encoder, revision, dimension, window (tokens), dtype."""
    return {**vars(space_of(encoder)), "window": encoder.window, "dtype": encoder.dtype}


def unit_float32(found: Any) -> NDArray[np.float32]:
    """A tensor's rows as float32 of unit length on the CPU; half precision leaves lengths off by 1e-3."""
    rows: NDArray[np.float32] = found.float().cpu().numpy()
    lengths: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths
