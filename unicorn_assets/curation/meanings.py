"""Which texts mean the same, told by unit vectors: every pair of a cosine that reaches a threshold, and no other.

A row's sketch is its part in a few leading directions and the length of the rest. The rest's part of a dot product is
no more than the product of the two lengths (Cauchy, Schwarz), so that one dot product of sketches says of most pairs,
exactly, that they cannot reach the threshold; the others are compared in full, in double precision. So what is found
depends on the two vectors alone: not on the order of rows, on batches, or on the directions. Here: numbers of rows. Not
here: texts, and which of two stays (near_duplicates.py).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float16]
"""(n, dimension) unit rows; a row of zeros is like no other."""
Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

DIRECTIONS = 64
SAMPLE = 8192
"""Rows, evenly taken, whose leading directions are the sketches'."""
DIGITS = 6
"""Of a cosine, so that the order of adding up does not show."""
_SLACK = 1e-3
"""What rounding to single precision may take off a cosine at most: 1,280 products, each off by 6e-8, ten times over."""
_SQUARE = 1e-5
"""The same of the square of a length."""
_COLUMNS = 8192  # rows that a batch is compared with at a time
_IN_FULL = 1024  # pairs, or rows of vectors, that are in memory in double precision


class Meanings:
    """The vectors of all rows, on disk, and their sketches: 268 bytes of memory a row. `parts` give the vectors shard
    by shard.
    """

    def __init__(self, parts: Sequence[Callable[[], Vectors]], total: int, threshold: float) -> None:
        self._threshold = threshold
        self._file = tempfile.TemporaryFile(prefix="unicorn-")  # noqa: SIM115 - closed by close()
        self._size = 1
        for part in parts:
            vectors = part()
            self._size = max(self._size, vectors.shape[1])
            self._file.write(np.ascontiguousarray(vectors, np.float16).tobytes())
        self._file.flush()
        self._lengths = np.empty(total, np.float64)
        self._sketches = self._sketched(total)

    def close(self) -> None:
        """Delete the file."""
        self._file.close()

    def _sketched(self, total: int) -> Floats:
        few = self._rows(np.arange(0, total, max(1, total // SAMPLE)))
        _, directions = np.linalg.eigh(few.T.astype(np.float64) @ few)
        leading = directions[:, ::-1][:, :DIRECTIONS].astype(np.float32)
        found = np.zeros((total, leading.shape[1] + 1), np.float32)
        for start in range(0, total, _IN_FULL):
            piece = slice(start, start + _IN_FULL)
            rows = self._read(start, min(total, start + _IN_FULL)).astype(np.float64)
            lengths = self._lengths[piece] = np.sqrt(np.einsum("ij,ij->i", rows, rows))
            unit = (rows / np.where(lengths, lengths, 1)[:, None]).astype(np.float32)
            found[piece, :-1] = unit @ leading
            rest = np.maximum(0, 1 - np.einsum("ij,ij->i", found[piece, :-1], found[piece, :-1]))
            found[piece, -1] = np.where(lengths > 0, np.sqrt(rest + _SQUARE), 0)
        return found

    def _read(self, start: int, end: int) -> Vectors:
        """Rows that follow each other."""
        found = np.empty((end - start, self._size), np.float16)
        os.preadv(self._file.fileno(), [found.data], start * self._size * found.itemsize)
        return found

    def _at(self, numbers: Rows) -> Vectors:
        """Rows by number. They are read and not mapped: of a mapped file the pages about each row stay in memory."""
        found = np.empty((len(numbers), self._size), np.float16)
        handle, size = self._file.fileno(), self._size * found.itemsize
        for row, number in zip(found, numbers.tolist(), strict=True):
            os.preadv(handle, [row.data], number * size)
        return found

    def _rows(self, numbers: Rows) -> Floats:
        """Unit rows in single precision."""
        rows = self._at(numbers).astype(np.float32)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        found: Floats = rows / np.where(lengths, lengths, 1)
        return found

    def alike(self, rows: Rows, may: npt.NDArray[np.bool_]) -> dict[int, list[tuple[int, float]]]:
        """Of each of these rows, which follow each other, the earlier ones it is like, and the cosines; only those
        that `may`, one for each row. The earliest comes first.
        """
        found: dict[int, list[tuple[int, float]]] = {}
        end = int(rows[-1]) + 1 if len(rows) else 0
        for start in range(0, end, _COLUMNS):
            others = np.arange(start, min(end, start + _COLUMNS))
            for row, other, cosine in self._pairs(rows, others[may[others]]):
                found.setdefault(row, []).append((other, cosine))
        return {row: sorted(others) for row, others in found.items()}

    def any_earlier(self, rows: Rows, others: Rows) -> bool:
        """Whether one of `rows` is like an earlier one of `others`."""
        starts = range(0, len(others), _COLUMNS)
        return any(self._pairs(rows, others[start : start + _COLUMNS]) for start in starts)

    def _pairs(self, rows: Rows, others: Rows) -> list[tuple[int, int, float]]:
        """(row, earlier one of `others`, cosine) of the pairs that reach the threshold."""
        if not len(others):
            return []
        least = np.float32(self._threshold - _SLACK)
        near = self._sketches[rows] @ self._sketches[others].T >= least
        near &= others < rows[:, None]
        some, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        if not len(some):
            return []
        found = []
        mine = self._rows(rows[some])
        for start in range(0, len(columns), _IN_FULL):
            part = columns[start : start + _IN_FULL]
            close = near[np.ix_(some, part)]
            close &= mine @ self._rows(others[part]).T >= least
            one, other = np.nonzero(close)
            found += self._in_full(rows[some[one]], others[part[other]])
        return found

    def _in_full(self, one: Rows, other: Rows) -> list[tuple[int, int, float]]:
        found = []
        for start in range(0, len(one), _IN_FULL):
            a, b = one[start : start + _IN_FULL], other[start : start + _IN_FULL]
            dots = np.einsum("ij,ij->i", self._at(a).astype(np.float64), self._at(b).astype(np.float64))
            cosines = np.minimum(1.0, np.round(dots / (self._lengths[a] * self._lengths[b]), DIGITS))
            keep = cosines >= self._threshold
            found += list(zip(a[keep].tolist(), b[keep].tolist(), cosines[keep].tolist(), strict=True))
        return found
