"""Steps v <- norm(scale * v + shift) on the rows of a matrix: compiled for most, in numpy for rows that nearly vanish.

Not here: which method takes which steps.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.vectors.kernels import Lengths, sum_after, write_after
from unicorn_assets.vectors.plain_steps import Steps, walk
from unicorn_assets.vectors.rows import Float64, Rows, unit_rows

# Below this length a moved vector is rounding noise and has no direction of its own.
NO_DIRECTION = 1e-6


def sum_of(vectors: Rows, steps: Steps, where: str, ids: Sequence[str] | None = None, first: int = 0) -> Float64:
    """(d,) float64 sum of the rows of `vectors` (n, d), unit length first, after `steps`.

    UserError names a row that is NaN, Inf or zero, or of which a step leaves nothing.
    """
    total, lengths = sum_after(vectors, *_arrays(steps, vectors.shape[1]))
    _, walked = _left_out(lengths, vectors, steps, where, ids, first)
    total += walked.sum(axis=0)
    return total


def write(vectors: Rows, steps: Steps, out: Rows, where: str, ids: Sequence[str] | None = None, first: int = 0) -> None:
    """Write the rows after `steps` into `out` (n, d), fp16 or fp32; each row's result depends on that row alone.

    UserError as sum_of.
    """
    lengths = write_after(vectors, *_arrays(steps, vectors.shape[1]), out)
    rows, walked = _left_out(lengths, vectors, steps, where, ids, first)
    out[rows] = walked


def _arrays(steps: Steps, dimension: int) -> tuple[Float64, Float64]:
    shifts = np.array([shift for _, shift in steps]).reshape(len(steps), dimension)
    return np.array([scale for scale, _ in steps]), shifts


def _left_out(
    lengths: Lengths, vectors: Rows, steps: Steps, where: str, ids: Sequence[str] | None, first: int
) -> tuple[NDArray[np.intp], Float64]:
    """(numbers (k,), rows (k, d)): the rows that were left out, after the steps, in float64."""
    numbers = np.flatnonzero(lengths.left_out)
    if not len(numbers):
        return numbers, np.empty((0, vectors.shape[1]))
    if not ((lengths.squares > 0) & (lengths.squares < np.inf)).all():
        # Refuses what is wrong; what passes is only very long or very short.
        unit_rows(vectors, where=where, ids=ids, first=first)
    walked = unit_rows(vectors[numbers])
    after, lengths.least[numbers] = walk(walked, np.ones(len(numbers)), steps)
    refuse_without_direction(lengths.least, where, ids, first)
    walked /= after[:, None]
    return numbers, walked


def refuse_without_direction(least: Rows, where: str, ids: Sequence[str] | None, first: int) -> None:
    """UserError that names the first row of which a step left nothing."""
    if len(least) and not least.min() >= NO_DIRECTION:  # also where a length is not a number
        row = int(np.argmin(least >= NO_DIRECTION))
        name = f"row {first + row}" + ("" if ids is None else f" (id {ids[row]})")
        raise UserError(
            f"{where}: {name} equals the mean, so nothing is left of it after the move",
            "fit the move on more, and more varied, captions",
        )
