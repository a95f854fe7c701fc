"""Means and second moments of unit vectors: streaming, mergeable, the same bytes in whatever order shards arrive.

Floating point sums depend on their order, so sums are kept as whole numbers of a fixed small unit. A row's rounding
happens once, before summing; from there on all arithmetic is exact. Not here: what the statistics are used for.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.representation.packing import pack, unpack
from unicorn_assets.representation.vectors import Float64, Rows, Space, unit_chunks

QUANTUM = 2.0**-36
"""Unit of the stored sums: a component is off by at most 7.3e-12."""
MAX_ROWS = 1 << 26
"""Above this many vectors a sum of whole numbers could leave 64 bits."""

# Adding and subtracting this number rounds a float64 between -1 and 1 to a multiple of QUANTUM.
_ROUNDER = 1.5 * 2.0**52 * QUANTUM


class Statistics:
    """Count, sum and, when asked for, second moment of vectors of one space. Every vector is made unit length first.

    `covariance=True` also keeps the (d, d) second moment, which costs d times the work.
    """

    def __init__(self, space: Space, covariance: bool = False) -> None:
        d = space.dimension
        self.space = space
        self.n = 0
        self._sum: NDArray[np.int64] = np.zeros(d, np.int64)
        self._second: NDArray[np.int64] | None = np.zeros((d, d), np.int64) if covariance else None

    @classmethod
    def from_moments(cls, space: Space, n: int, mean: Float64, covariance: Float64) -> Self:
        """Statistics of `n` unit vectors from their mean and 1/N covariance, when the vectors are not at hand."""
        made = cls(space, covariance=True)
        made.n = n
        made._sum = _whole(mean * n)
        made._second = _whole((covariance + np.outer(mean, mean)) * n)
        return made

    def add(self, vectors: Rows, *, where: str = "vectors", ids: Sequence[str] | None = None) -> Self:
        """Take in the rows of an (n, d) matrix; UserError names a row that is NaN, Inf, zero or of another length."""
        for _, rows in unit_chunks(vectors, self.space.dimension, where=where, ids=ids):
            self._take(rows)
        return self

    def merge(self, other: "Statistics") -> Self:
        """Take in what another part of the data counted; any order and grouping of parts gives the same bytes."""
        self.space.require(other.space, "the statistics to merge")
        if (self._second is None) != (other._second is None):
            raise ValueError("only one of the two statistics has a second moment")
        self._grow(other.n)
        self._sum += other._sum
        if self._second is not None and other._second is not None:
            self._second += other._second
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

    def to_bytes(self) -> bytes:
        """A safetensors file: whole-number sums, and a manifest with encoder, revision, dimension and count."""
        tensors = {"sum": self._sum} | ({} if self._second is None else {"second_moment": self._second})
        manifest = {"n": self.n, "quantum": QUANTUM, "standard_error": self.standard_error if self.n else None}
        return pack("statistics", manifest | vars(self.space), tensors)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse of to_bytes; UserError when the bytes are something else."""
        about, tensors = unpack("statistics", data)
        made = cls(Space(about["encoder"], about["revision"], about["dimension"]))
        made.n, made._sum, made._second = about["n"], tensors["sum"], tensors.get("second_moment")
        return made

    def _take(self, rows: Float64) -> None:
        self._grow(len(rows))
        # Rounded values are multiples of QUANTUM and a chunk's sums stay within 2**14, so float64 adds them exactly.
        rounded = rows + _ROUNDER
        rounded -= _ROUNDER
        self._sum += _whole(np.ones(len(rows)) @ rounded)
        if self._second is not None:
            self._second += _whole(rows.T @ rows)

    def _grow(self, n: int) -> None:
        if self.n + n > MAX_ROWS:
            raise UserError(f"more than {MAX_ROWS} vectors in one statistic", "draw a random sample of the shards")
        self.n += n


def _whole(values: Float64) -> NDArray[np.int64]:
    return np.rint(values / QUANTUM).astype(np.int64)
