"""A uniform sample that merges: of all rows of all parts, those whose hash is below a threshold.

A row's hash follows from its numbers, so the sample depends on neither order nor grouping of the parts (K minimum
values: Bar-Yossef et al. 2002). Equal rows have equal hashes and are taken or left together. Not here: weights.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.vectors.rows import Rows

SAMPLE_ROWS = 4096
"""At most this many rows by default: 10 MB at 1280 dimensions."""
HASHED = 32  # columns that the hash reads, evenly spaced: reading all would cost more than the mean

Hashes = NDArray[np.uint64]
_FACTORS = np.random.default_rng(20250322).integers(2**64, size=HASHED, dtype=np.uint64) | np.uint64(1)
_ALL = np.uint64(2**64 - 1)


class Sketch:
    """At most `size` fp16 rows of length `dimension`, all of those with a hash of at most `limit`.

    Parts may keep fewer rows than the whole: a merged sample goes up to the lowest limit of its parts.
    """

    def __init__(self, dimension: int, size: int) -> None:
        self.size = size
        self.limit = _ALL
        self._parts: list[tuple[Hashes, NDArray[np.float16]]] = []
        self._count = 0
        self._dimension = dimension
        self._columns = np.unique(np.linspace(0, dimension - 1, min(HASHED, dimension)).astype(np.intp))

    def add(self, vectors: Rows) -> None:
        """Take in the rows of an (n, d) matrix."""
        if not self.size:
            return
        hashes = _hashes(vectors[:, self._columns])
        small = np.flatnonzero(hashes <= self.limit)
        if len(small):
            self._keep(hashes[small], _half(vectors[small]))

    def merge(self, other: "Sketch") -> None:
        """Take in another part's sample."""
        if not other.size:  # a part without a sample leaves none for the whole
            self.size, self._parts, self._count = 0, [], 0
        if not self.size:
            return
        self.limit = min(self.limit, other.limit)
        for hashes, rows in other._parts:
            kept = hashes <= self.limit
            self._keep(hashes[kept], rows[kept])

    @property
    def rows(self) -> NDArray[np.float16]:
        """(n, d) the sample."""
        return self._shrunk()[1]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What to store; the same for the same rows."""
        if not self.size:
            return {}
        hashes, rows = self._shrunk()
        return {"sample": rows, "sample_hashes": hashes, "sample_limit": np.array([self.limit])}

    def restore(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """The inverse of tensors()."""
        if self.size:
            self.limit = np.uint64(tensors["sample_limit"][0])
            self._keep(tensors["sample_hashes"], tensors["sample"])

    def _keep(self, hashes: Hashes, rows: NDArray[np.float16]) -> None:
        self._parts.append((hashes, rows))
        self._count += len(hashes)
        if self._count > 2 * self.size:  # not each time: shrinking copies everything
            self._shrunk()

    def _shrunk(self) -> tuple[Hashes, NDArray[np.float16]]:
        """Hashes and rows of at most `size` rows, in the order of their hashes."""
        hashes = np.concatenate([np.empty(0, np.uint64), *(part[0] for part in self._parts)])
        rows = np.concatenate([np.empty((0, self._dimension), np.float16), *(part[1] for part in self._parts)])
        if len(hashes) > self.size:
            # Rows that share the first hash that is too much go together, so that the order of parts decides nothing.
            self.limit = min(self.limit, np.partition(hashes, self.size)[self.size] - np.uint64(1))
        kept = np.flatnonzero(hashes <= self.limit)
        kept = kept[np.argsort(hashes[kept], kind="stable")]
        if (np.diff(hashes[kept]) == 0).any():
            # Rows of one hash are put in order by their bits; they are equal as a rule.
            bits = rows[kept][:, self._columns].view(np.uint16)
            kept = kept[np.lexsort([*bits.T, hashes[kept]])]
        self._parts = [(hashes[kept], rows[kept])]
        self._count = len(kept)
        return self._parts[0]


def _half(vectors: Rows) -> NDArray[np.float16]:
    """Rows as fp16; their scale is lost where fp16 could not hold it, their direction never."""
    if vectors.dtype == np.float16:
        return vectors.astype(np.float16)
    with np.errstate(all="ignore"):  # rows that are no vectors are refused where they are summed
        wide = vectors.astype(np.float64)
        half: NDArray[np.float16] = (wide / np.sqrt(np.vecdot(wide, wide))[:, None]).astype(np.float16)
    return half


def _hashes(columns: Rows) -> Hashes:
    """64 well mixed bits per row: a multilinear hash of the numbers' bits, finished as in SplitMix64."""
    kind = np.dtype(f"u{columns.dtype.itemsize}")
    words = np.ascontiguousarray(columns).view(kind).astype(np.uint64)
    mixed = (words * _FACTORS[: words.shape[1]]).sum(axis=1, dtype=np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    found: Hashes = mixed ^ (mixed >> np.uint64(31))
    return found
