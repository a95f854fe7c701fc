"""A stand-in for the encoder: vectors drawn from a hash of the text, without torch, whose 500 MB would hide what the
servers' answers take. Everything else of stage 3 is the platform's own.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIMENSION = 32


class PlainEncoder:
    """What stage 3 asks of an encoder, for texts; it gives itself out for the recipe's encoder."""

    dimension, window, dtype = DIMENSION, 512, "fp32"

    def __init__(self, name: str, revision: str) -> None:
        self.name, self.revision = name, revision

    def encode_texts(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Unit rows in the order of the texts."""
        if on_progress:
            on_progress(len(texts))
        return np.array([vector(text) for text in texts], np.float32).reshape(len(texts), DIMENSION)

    def embed_texts(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> tuple[NDArray[np.float32], list[int]]:
        """The same, with the rows that are longer than the window, a token a word."""
        cut = [row for row, text in enumerate(texts) if len(text.split()) > self.window]
        return self.encode_texts(texts, on_progress), cut


def vector(text: str) -> NDArray[np.float64]:
    """The unit vector of a text."""
    seed = int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest())
    drawn = np.random.default_rng(seed).normal(size=DIMENSION)
    return drawn / np.linalg.norm(drawn)


def write_images(path: Path, rows: int = 40) -> None:
    """Vectors that stand for real images, for the recipe's image_reference."""
    np.save(path, np.array([vector(f"image {row}") for row in range(rows)], np.float32))


def opened(resource: Any) -> PlainEncoder:
    """In the place of `EncoderResource.open`."""
    from unicorn_assets.encoders import identify
    from unicorn_assets.resources.loaded import loaded

    return PlainEncoder(*identify(loaded(resource.recipe)))


def install() -> None:
    """Have this process encode with it."""
    from unicorn_assets.resources.encoder import EncoderResource

    EncoderResource.open = opened  # type: ignore[method-assign,assignment]
