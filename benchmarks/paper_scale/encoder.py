"""The encoder of paper_scale.py: hashed words in 1,280 dimensions. It says how long it took.

Texts of the same words lie near each other, and rows have the paper's width, but no model is run. Not here: pipelines
that feed a real device (benchmarks/gpu.py).
"""

import os
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIMENSION, BUCKETS, BLOCK = 1280, 1024, 512
SPENT = "PAPER_SCALE_ENCODER_S"
"""Names the file to which the seconds are added."""


def table() -> NDArray[np.float32]:
    """A vector for each bucket of words."""
    return np.random.default_rng(7).standard_normal((BUCKETS, DIMENSION), np.float32)


class HashedEncoder:
    """What stage 3 asks of an encoder, for texts; it gives itself out for the recipe's encoder."""

    window, dtype = 512, "fp32"

    def __init__(self, name: str, revision: str) -> None:
        self.name, self.revision, self.dimension, self._table = name, revision, DIMENSION, table()

    def encode_texts(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Unit rows in the order of the texts."""
        begun = time.perf_counter()
        found = np.empty((len(texts), DIMENSION), np.float32)
        for start in range(0, len(texts), BLOCK):
            block = texts[start : start + BLOCK]
            counts = np.zeros((len(block), BUCKETS), np.float32)
            for row, text in enumerate(block):
                for word in text.split():
                    counts[row, zlib.crc32(word.encode()) % BUCKETS] += 1
            vectors = counts @ self._table
            found[start : start + BLOCK] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            if on_progress:
                on_progress(len(block))
        with Path(os.environ[SPENT]).open("a") as file:
            file.write(f"{time.perf_counter() - begun}\n")
        return found

    def embed_texts(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> tuple[NDArray[np.float32], list[int]]:
        """The same, with the rows that are longer than the window, a token a word."""
        return self.encode_texts(texts, on_progress), [
            row for row, text in enumerate(texts) if text.count(" ") >= self.window
        ]


def write_images(path: Path, rows: int = 4096) -> None:
    """Vectors that stand for real images: the texts' mixtures, moved by a constant."""
    draw = np.random.default_rng(8)
    vectors = draw.standard_normal((rows, BUCKETS), np.float32) @ table() + 40 * draw.standard_normal(DIMENSION)
    np.save(path, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))


def opened(resource: Any) -> HashedEncoder:
    """In the place of `EncoderResource.open`."""
    from unicorn_assets.encoders import identify
    from unicorn_assets.resources.loaded import loaded

    return HashedEncoder(*identify(loaded(resource.recipe)))
