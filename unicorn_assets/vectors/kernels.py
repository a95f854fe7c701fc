"""Steps v <- norm(scale * v + shift) on rows of fp16, fp32 or fp64: their sum, or the rows themselves, rounded.

One reading of a row does for all steps: lengths follow from dot products. The loops are compiled (kernel_code.py), for
a corpus is read three times and no library of today does it at a disk's speed: numpy and torch convert halves apart
from the arithmetic and take 3 to 20 times as long, numexpr more, and numba knows no halves on processors
(docs/decisions/009). Calls release the interpreter's lock. In plain numpy it is plain_steps.py. Not here: rows that are
faulty or nearly vanish, which walk.py looks after; blocks and threads (blocks.py).
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.vectors import kernel_code
from unicorn_assets.vectors.rows import Float64, Rows

_compiling = threading.Lock()
_made: dict[tuple[int, ...], tuple[Callable[..., None], Any]] = {}


@dataclass(frozen=True)
class Lengths:
    """Of each row: its squared length (n,), and the least length it had after a step (n,), Inf without a step."""

    squares: Float64
    least: Float64

    @property
    def left_out(self) -> NDArray[np.bool_]:
        """(n,) rows for which nothing was computed: NaN, Inf or zero, or shorter than SHORT after a step."""
        return ~((self.squares > 0) & (self.squares < np.inf) & (self.least >= kernel_code.SHORT))


def prepare(*kinds: tuple[int, int, int]) -> None:
    """Compile in the background what will be needed: (bytes of a number in, out or 0 for sums, steps) of each."""

    def compile_all() -> None:
        with contextlib.suppress(UserError):  # whoever needs the kernel is told
            for kind in kinds:
                _kernel(*kind)

    threading.Thread(target=compile_all, daemon=True).start()


def sum_after(rows: Rows, scales: Float64, shifts: Float64) -> tuple[Float64, Lengths]:
    """(d,) sum of the rows (n, d), unit length first, after steps v <- norm(scale * v + shift); float64.

    `scales` (m,), `shifts` (m, d). Rows that were left out add nothing; NaN where one is not finite.
    """
    rows, steps = _plain(rows), _Steps(scales, shifts)
    total, found = np.zeros(rows.shape[1]), np.empty((2, len(rows)))
    _kernel(rows.itemsize, 0, len(scales))(*_matrix(rows), *steps.places(np.float64), _at(found), _at(total))
    return total, Lengths(*found)


def write_after(rows: Rows, scales: Float64, shifts: Float64, out: Rows) -> Lengths:
    """Write the rows after the steps, as in sum_after, into `out` (n, d), fp16 or fp32; those left out as zeros or NaN.

    From halves to halves in fp32, otherwise in fp64; rounded to nearest, ties to even.
    """
    rows, steps = _plain(rows), _Steps(scales, shifts)
    if not out.flags.c_contiguous or out.shape != rows.shape or out.dtype not in (np.float16, np.float32):
        raise ValueError("the result goes into a contiguous matrix of the rows' shape")
    if out.itemsize == 2 and not kernel_code.knows_halves():
        wide = np.empty(out.shape, np.float32)
        lengths = write_after(rows, scales, shifts, wide)
        np.copyto(out, wide, casting="same_kind")
        return lengths
    found = np.empty((2, len(rows)))
    kind = np.float32 if rows.itemsize == out.itemsize == 2 else np.float64
    kernel = _kernel(rows.itemsize, out.itemsize, len(scales))
    kernel(*_matrix(rows), *steps.places(kind), _at(found), _at(out))
    return Lengths(*found)


class _Steps:
    """Steps as the kernels take them: scales, dot products of the shifts, shifts in fp64, and those as another type."""

    def __init__(self, scales: Float64, shifts: Float64) -> None:
        self.scales, self.shifts = (np.ascontiguousarray(one, np.float64) for one in (scales, shifts))
        self.products = self.shifts @ self.shifts.T
        self.near: NDArray[Any] = self.shifts

    def places(self, kind: type[np.floating[Any]]) -> tuple[int, ...]:
        self.near = self.shifts.astype(kind)
        return _at(self.scales), _at(self.products), _at(self.shifts), _at(self.near)


def _plain(rows: Rows) -> Rows:
    kind = {2: np.float16 if kernel_code.knows_halves() else np.float32, 4: np.float32}.get(rows.itemsize, np.float64)
    return np.ascontiguousarray(rows, kind)


def _matrix(rows: Rows) -> tuple[int, int, int]:
    return _at(rows), *rows.shape


def _at(array: NDArray[Any]) -> int:
    return array.ctypes.data


def _kernel(*kind: int) -> Callable[..., None]:
    found = _made.get(kind)
    if found is None:
        with _compiling:
            found = _made[kind] = _made.get(kind) or kernel_code.compiled(*kind)
    return found[0]
