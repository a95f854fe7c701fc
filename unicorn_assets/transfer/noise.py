"""The noise of C3, drawn anew whenever vectors are read; what is stored never holds any.

A row's noise follows from the seed, the draw and the row's id alone: batches, their order and their size do not matter.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.vectors.rows import Rows, unit_rows


def sigma_of(cosine: float, dimension: int) -> float:
    """Standard deviation per component of Gaussian noise that leaves this cosine: 1 / sqrt(1 + sigma^2 d) = cosine."""
    if not 0 < cosine <= 1:
        raise UserError(f"a noise cosine of {cosine} is not possible", "choose above 0 and at most 1")
    return float(np.sqrt((1 / cosine**2 - 1) / dimension))


def noisy(vectors: Rows, ids: Sequence[str], cosine: float, seed: int = 0, draw: int = 0) -> NDArray[np.float32]:
    """(n, d) float32 unit rows norm(v + n): n is Gaussian, so that the expected cosine of a row to v is `cosine`.

    `draw` counts how often a row was read before (the epoch): another draw is other noise. UserError for a bad row, or
    a cosine that is not above 0 and at most 1.
    """
    if len(ids) != len(vectors):
        raise ValueError(f"{len(ids)} ids for {len(vectors)} vectors")
    rows = unit_rows(vectors, where="vectors", ids=ids)
    sigma = sigma_of(cosine, rows.shape[1])
    if sigma:
        for row, name in zip(rows, ids, strict=True):
            row += sigma * _generator(name, seed, draw).standard_normal(rows.shape[1])
        rows /= np.sqrt(np.vecdot(rows, rows))[:, None]
    return rows.astype(np.float32)


def _generator(name: str, seed: int, draw: int) -> np.random.Generator:
    """Philox numbers come from a key and a counter, so each row has its own place in the sequence."""
    place = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=16).digest(), "little")
    counter = [0, draw, place & (2**64 - 1), place >> 64]
    return np.random.Generator(np.random.Philox(key=seed, counter=counter))
