"""What a move leaves of the texts' own structure: mixing the clouds is worth nothing when the meaning is lost."""

import numpy as np

from unicorn_assets.gap.intervals import Estimate, counts, mean_of
from unicorn_assets.gap.mixing import NEIGHBOURS, PAIRWISE_ROWS, neighbours
from unicorn_assets.vectors.rows import Float64, Rows, check_shape, unit_rows


def source_preservation(before: Rows, after: Rows, seed: int = 0, k: int = NEIGHBOURS) -> dict[str, Estimate]:
    """Mean cosine of each text vector with itself after the move, and the share of its k neighbours that stay.

    `before` and `after` are (n, d), row by row the same texts; neighbours are searched among at most 1,000 of them.
    The intervals resample texts as queries; the texts among which neighbours are searched stay.
    """
    check_shape(before, None, "text vectors before the move")
    check_shape(after, before.shape[1], "text vectors after the move")
    if len(before) != len(after):
        raise ValueError(f"{len(before)} rows before, {len(after)} after")
    chosen = np.random.default_rng(seed).permutation(len(before))[:PAIRWISE_ROWS]
    y = unit_rows(before[chosen], where="text vectors before the move")
    z = unit_rows(after[chosen], where="text vectors after the move")
    k = min(k, len(chosen) - 1)
    pairs = zip(neighbours(y, k), neighbours(z, k), strict=True)
    kept: Float64 = np.array([len(np.intersect1d(a, b, assume_unique=True)) / k for a, b in pairs])
    drawn = counts(len(chosen), seed)
    return {
        "source_cosine": mean_of(np.einsum("ij,ij->i", y, z), drawn, (-1.0, 1.0)),
        "neighbour_overlap": mean_of(kept, drawn, (0.0, 1.0)),
    }
