"""Matrices in blocks: small enough for the processor's cache, in buffers that are used again, on a few threads.

Block borders depend on the matrix alone, so what is computed per block does not depend on threads or memory. Not here:
what is computed.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

VALUES = 1 << 18
"""Numbers in a block of what numpy computes: 2 MB as float64; smaller ones spend their time between numpy's calls."""
TASK_VALUES = 1 << 23
"""Numbers that one thread takes at a time, a whole number of blocks."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def block_rows(dimension: int) -> int:
    """Rows of a block: a multiple of 64 where there are so many, which makes whole pages of most of them."""
    rows = min(max(1, VALUES // max(dimension, 1)), 1 << 14)
    return rows // 64 * 64 or rows


def task_rows(dimension: int) -> int:
    """Rows that one thread takes at a time: a whole number of blocks."""
    block = block_rows(dimension)
    return block * max(1, TASK_VALUES // (block * max(dimension, 1)))


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
