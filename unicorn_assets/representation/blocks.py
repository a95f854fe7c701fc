"""Matrices in blocks: small enough for the processor's cache, in buffers that are used again, on a few threads.

Block borders depend on the matrix alone, so what is computed per block does not depend on threads or memory. Not here:
what is computed.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.representation.half import TOO_LARGE, widen
from unicorn_assets.representation.vectors import Float64, Rows, unit_rows

VALUES = 1 << 18
"""Numbers in a block: 1 MB as float32, 2 MB as float64; smaller ones spend their time between numpy's calls."""
TASK_VALUES = 1 << 23
"""Numbers that one thread takes at a time, a whole number of blocks."""

Single = NDArray[np.float32]
Item = TypeVar("Item")
Result = TypeVar("Result")


def block_rows(dimension: int) -> int:
    """Rows of a block."""
    return min(max(1, VALUES // max(dimension, 1)), 1 << 14)


def task_rows(dimension: int) -> int:
    """Rows that one thread takes at a time: a whole number of blocks."""
    block = block_rows(dimension)
    return block * max(1, TASK_VALUES // (block * max(dimension, 1)))


class Block:
    """Buffers for one block of a matrix with `dimension` columns, as float64 if `double`, else as float32.

    A thread's buffers are made once and used again: `Block.here` gives them.
    """

    _kept = threading.local()

    def __init__(self, dimension: int, double: bool) -> None:
        shape = (block_rows(dimension), dimension)
        self._single: Single = np.empty(shape, np.float32)
        self._double: Float64 | None = np.empty(shape) if double else None
        self.out: Single = np.empty(shape, np.float32)
        self.spare: NDArray[np.int32] = np.empty(shape, np.int32)

    @classmethod
    def here(cls, dimension: int, double: bool) -> "Block":
        """This thread's buffers; whoever takes them is done with them before anybody else on this thread is."""
        key = (dimension, double)
        found: tuple[tuple[int, bool], Block] | None = getattr(cls._kept, "block", None)
        if found is None or found[0] != key:
            found = cls._kept.block = key, cls(dimension, double)
        return found[1]

    def lengths(self, vectors: Rows, where: str, ids: Sequence[str] | None, first: int) -> tuple[Rows, Rows]:
        """(rows, lengths): the rows of `vectors` widened, as they are, and how long each one is.

        The rows are a buffer and good until the next call. UserError names a row that is NaN, Inf or all zero.
        """
        n = len(vectors)
        rows: Rows = self._single[:n] if self._double is None else self._double[:n]
        limit = np.inf
        if vectors.dtype == np.float16:
            half = np.ascontiguousarray(vectors)
            widen(half, self._single[:n])
            limit = TOO_LARGE**2
            if self._double is not None:
                np.copyto(rows, self._single[:n])
        else:
            np.copyto(rows, vectors, casting="same_kind")
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.vecdot(rows, rows)
        if not ((squares > 0) & (squares < limit)).all():
            # Refuses what is wrong; rows that are only very long or very short are made unit length in float64.
            rows[:] = unit_rows(vectors, where=where, ids=ids, first=first)
            return rows, np.ones(n, rows.dtype)
        return rows, np.sqrt(squares)


def blocks(n: int, dimension: int) -> Iterator[slice]:
    """Borders of the blocks of an (n, dimension) matrix."""
    step = block_rows(dimension)
    for first in range(0, n, step):
        yield slice(first, min(first + step, n))


def threads() -> int:
    """How many threads share the work: the processors this process may use, at most 8."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 8)


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None) -> Iterator[Result]:
    """Results of `work` in the order of `items`; only a few items are taken ahead. The first error ends it all."""
    count = workers or threads()
    if count == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()
