"""Steps v <- norm(scale * v + shift) in plain numpy: what kernels.py computes, also where that leaves rows out."""

from collections.abc import Sequence

import numpy as np

from unicorn_assets.vectors.rows import Float64, Rows

Steps = Sequence[tuple[float, Float64]]


def walk(rows: Rows, lengths: Rows, steps: Steps) -> tuple[Rows, Rows]:
    """Take the steps in place; `rows` (n, d) have `lengths` (n,).

    Returns (lengths of the rows now, least length that each row had after a step); dividing by the former is left to
    the caller, who may be able to do it cheaper.
    """
    least = np.full_like(lengths, np.inf)
    for scale, shift in steps:
        rows *= (rows.dtype.type(scale) / lengths)[:, None]
        rows += shift.astype(rows.dtype)
        lengths = np.sqrt(np.vecdot(rows, rows))
        np.minimum(least, lengths, out=least)
        np.maximum(lengths, np.finfo(lengths.dtype).tiny, out=lengths)
    return lengths, least
