"""Steps v <- norm(scale * v + shift) on the rows of a matrix, in place. Not here: which method takes which steps."""

from collections.abc import Sequence

import numpy as np

from unicorn_assets.errors import UserError
from unicorn_assets.representation.vectors import Float64, Rows

Steps = Sequence[tuple[float, Float64]]

# Below this length a moved vector is rounding noise and has no direction of its own.
NO_DIRECTION = 1e-6


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


def coefficients(rows: Rows, lengths: Rows, steps: Steps) -> tuple[Float64, Float64, Rows, Float64]:
    """The rows after `steps` as alpha y + beta @ shifts, without moving them.

    `rows` (n, d) of `lengths` (n,) stay as they are. Returns alpha (n,), beta (n, m), shifts (m, d) of the rows' type,
    and the least length that each row had after a step. A row's length follows from alpha, beta and the dot products of
    y and the shifts, so a step costs one pass over the rows instead of three. The lengths are off by about the rows'
    rounding / length squared: in float32 that matters to rows that nearly vanish.
    """
    shifts = np.stack([shift for _, shift in steps])
    gram = (shifts @ shifts.T).tolist()
    near = shifts.astype(rows.dtype)
    alpha = 1 / lengths.astype(np.float64)
    beta: list[Float64] = []
    least = np.full_like(alpha, np.inf)
    for number, (scale, _) in enumerate(steps):
        # v has unit length here: |scale v + shift|^2 = scale^2 + 2 scale v.shift + |shift|^2.
        along = alpha * np.vecdot(rows, near[number])
        for before, weight in enumerate(beta):
            along += weight * gram[before][number]
        squares = along * (2 * scale) + (scale**2 + gram[number][number])
        after = np.sqrt(np.maximum(squares, np.finfo(float).tiny))
        np.minimum(least, after, out=least)
        alpha *= scale / after
        beta = [weight * (scale / after) for weight in beta] + [1 / after]
    return alpha, np.stack(beta, axis=1), near, least


def weighted(rows: Rows, lengths: Rows, steps: Steps) -> tuple[Float64, Float64, Float64]:
    """(weights, added, least): the sum of the float64 rows after `steps` is weights @ rows + added."""
    alpha, beta, shifts, least = coefficients(rows, lengths, steps)
    added: Float64 = beta.sum(axis=0) @ shifts
    return alpha, added, least


def refuse_without_direction(least: Rows, where: str, ids: Sequence[str] | None, first: int) -> None:
    """UserError that names the first row of which a step left nothing."""
    if len(least) and least.min() < NO_DIRECTION:
        row = int(np.argmax(least < NO_DIRECTION))
        name = f"row {first + row}" + ("" if ids is None else f" (id {ids[row]})")
        raise UserError(
            f"{where}: {name} equals the mean, so nothing is left of it after the move",
            "fit the move on more, and more varied, captions",
        )
