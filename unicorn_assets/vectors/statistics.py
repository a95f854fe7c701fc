"""Means and second moments of unit vectors: streaming, mergeable, the same bytes in whatever order shards arrive.

Floating point sums depend on their order, so each block of a matrix is summed in float64 and the sum kept as whole
numbers of a fixed small unit; from there on all arithmetic is exact. A matrix's blocks depend on that matrix alone:
adding or merging the same matrices in any order and grouping gives identical bytes. Cutting the rows into other
matrices moves the block borders and may change a sum by one unit per block. Not here: what the statistics are used for.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.vectors.blocks import blocks, in_threads, task_rows
from unicorn_assets.vectors.packing import MOST_DIMENSION, finite, pack, readable, unpack, whole
from unicorn_assets.vectors.plain_steps import Steps, walk
from unicorn_assets.vectors.rows import Float64, Rows, Space, check_shape, unit_rows
from unicorn_assets.vectors.sketch import SAMPLE_ROWS, Sketch
from unicorn_assets.vectors.walk import sum_of

QUANTUM = 2.0**-36
"""Unit of the stored sums: each block's sum is off by at most 7.3e-12 per component."""
MAX_ROWS = 1 << 26
"""Above this many vectors a sum of whole numbers could leave 64 bits."""


class Statistics:
    """Count, sum, a uniform sample and, when asked for, second moment of vectors of one space, unit length first.

    `covariance=True` also keeps the (d, d) second moment, which costs d times the work. The sample holds at most
    `sample` rows (sketch.py).
    """

    def __init__(self, space: Space, covariance: bool = False, sample: int = SAMPLE_ROWS) -> None:
        d = space.dimension
        self.space = space
        self.n = 0
        self._sum: NDArray[np.int64] = np.zeros(d, np.int64)
        self._second: NDArray[np.int64] | None = np.zeros((d, d), np.int64) if covariance else None
        self._sketch = Sketch(d, sample)

    @classmethod
    def from_moments(cls, space: Space, n: int, mean: Float64, covariance: Float64) -> Self:
        """Statistics of `n` unit vectors from their mean and 1/N covariance, when the vectors are not at hand."""
        made = cls(space, covariance=True, sample=0)
        made.n = n
        made._sum = _whole(mean * n)
        made._second = _whole((covariance + np.outer(mean, mean)) * n)
        return made

    def add(
        self, vectors: Rows, *, where: str = "vectors", ids: Sequence[str] | None = None, first: int = 0,
        steps: Steps = (),
    ) -> Self:  # fmt: skip
        """Take in the rows of an (n, d) matrix, each after `steps` v <- norm(scale * v + shift).

        UserError names a row, counted from `first`, that is NaN, Inf, zero, of another length, or gone after a step.
        """
        check_shape(vectors, self.space.dimension, where)
        step = task_rows(self.space.dimension)
        parts = [slice(start, min(start + step, len(vectors))) for start in range(0, len(vectors), step)]

        def work(part: slice) -> "Statistics":
            one = self.empty()
            names = None if ids is None else ids[part]
            one.take(vectors[part], where=where, ids=names, first=first + part.start, steps=steps)
            return one

        for one in in_threads(work, parts, workers=None if len(parts) > 1 else 1):
            self.merge(one)
        return self

    def take(
        self, vectors: Rows, *, where: str = "vectors", ids: Sequence[str] | None = None, first: int = 0,
        steps: Steps = (),
    ) -> None:  # fmt: skip
        """Like add, on the caller's thread alone."""
        if not steps:
            self._sketch.add(vectors)
        self._grow(len(vectors))
        self._sum += _whole(sum_of(vectors, steps, where, ids, first))
        if self._second is not None:
            for part in blocks(len(vectors), self.space.dimension):
                rows = unit_rows(vectors[part])
                lengths, _ = walk(rows, np.ones(len(rows)), steps)
                rows /= lengths[:, None]
                self._second += _whole(rows.T @ rows)

    def empty(self) -> "Statistics":
        """Statistics of no row that can be merged into these."""
        made = Statistics(self.space, self._second is not None, self._sketch.size)
        made._sketch.limit = self._sketch.limit  # rows above it could not stay
        return made

    def merge(self, other: "Statistics") -> Self:
        """Take in what another part of the data counted; any order and grouping of parts gives the same bytes."""
        self.space.require(other.space, "the statistics to merge")
        if (self._second is None) != (other._second is None):
            raise ValueError("only one of the two statistics has a second moment")
        self._grow(other.n)
        self._sum += other._sum
        if self._second is not None and other._second is not None:
            self._second += other._second
        self._sketch.merge(other._sketch)
        return self

    @property
    def sum(self) -> Float64:
        """(d,) sum of the unit vectors."""
        return self._sum.astype(np.float64) * QUANTUM

    @property
    def mean(self) -> Float64:
        """(d,) centroid mu of the unit vectors."""
        if not self.n:
            raise UserError("there are no vectors to average", "materialize the vectors first")
        return self.sum / self.n

    @property
    def trace(self) -> float:
        """Trace of the 1/N covariance: for unit vectors it is 1 - |mu|^2 (from E|v|^2 = 1)."""
        mean = self.mean
        return max(0.0, 1.0 - float(mean @ mean))

    @property
    def standard_error(self) -> float:
        """Standard error of the centroid as a distance: sqrt((1 - |mu|^2) / N)."""
        return float(np.sqrt(self.trace / max(self.n, 1)))

    @property
    def covariance(self) -> Float64 | None:
        """(d, d) covariance, 1/N normalised: E[v v'] - mu mu'. None when no second moment was kept."""
        if self._second is None:
            return None
        return self._second.astype(np.float64) * QUANTUM / self.n - np.outer(self.mean, self.mean)

    @property
    def sample(self) -> NDArray[np.float16]:
        """(m, d) uniform sample of the rows, as they came; all of them where they were few."""
        return self._sketch.rows

    def to_bytes(self) -> bytes:
        """A safetensors file: whole-number sums, sample, and a manifest with encoder, revision, dimension and count."""
        tensors = {"sum": self._sum, **self._sketch.tensors()}
        if self._second is not None:
            tensors["second_moment"] = self._second
        manifest = {"n": self.n, "quantum": QUANTUM, "standard_error": self.standard_error if self.n else None}
        return pack("statistics", manifest | {"sample": self._sketch.size} | vars(self.space), tensors)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse of to_bytes; UserError when the bytes are something else."""
        about, tensors = unpack("statistics", data)
        with readable("statistics"):
            d = whole(about["dimension"], 1, MOST_DIMENSION, "dimension")
            size = whole(about.get("sample", 0), 0, 1 << 40, "sample")
            made = cls(Space(str(about["encoder"]), str(about["revision"]), d), sample=size)
            made.n, made._sum = whole(about["n"], 0, MAX_ROWS, "n"), tensors["sum"]
            made._second = tensors.get("second_moment")
            for sums, shape in ((made._sum, (d,)), (made._second, (d, d))):
                if sums is not None and (sums.shape != shape or sums.dtype != np.int64):
                    raise ValueError(f"sums of shape {sums.shape} and type {sums.dtype}")
            # A mean of unit vectors is at most one long; what is off by more was never summed.
            if not np.abs(made.sum).max() <= made.n * (1 + 1e-6):
                raise ValueError(f"the sum is too large for {made.n:,} vectors")
            if size:
                rows = finite(tensors, "sample", (None, d))
                if tensors["sample_hashes"].shape != (len(rows),):
                    raise ValueError("the sample has other rows than hashes")
            made._sketch.restore(tensors)
            return made

    def _grow(self, n: int) -> None:
        if self.n + n > MAX_ROWS:
            raise UserError(f"more than {MAX_ROWS} vectors in one statistic", "draw a random sample of the shards")
        self.n += n


def _whole(values: Float64) -> NDArray[np.int64]:
    return np.rint(values / QUANTUM).astype(np.int64)
