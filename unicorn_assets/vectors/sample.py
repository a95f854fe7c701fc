"""A uniform random sample of a stream of rows, in constant memory."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.vectors.rows import Rows


class Sample:
    """At most `size` fp16 rows of all that were added, each row with the same chance; fixed by the seed and the order.

    Every row draws a random key and the smallest keys stay, in the order in which the rows came.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        self._size = size
        self._random = np.random.default_rng(seed)
        self._keys: NDArray[np.float64] = np.empty(0)
        self._rows: NDArray[np.float16] | None = None

    def add(self, rows: Rows) -> Self:
        """Take in the rows of an (n, d) matrix."""
        keys = np.concatenate([self._keys, self._random.random(len(rows))])
        half = rows.astype(np.float16)
        everything = half if self._rows is None else np.concatenate([self._rows, half])
        if len(keys) > self._size:
            kept = np.sort(np.argpartition(keys, self._size - 1)[: self._size])
            keys, everything = keys[kept], everything[kept]
        self._keys, self._rows = keys, everything
        return self

    @property
    def rows(self) -> NDArray[np.float16]:
        """(n, d) the sample."""
        if self._rows is None:
            raise ValueError("nothing was added")
        return self._rows
