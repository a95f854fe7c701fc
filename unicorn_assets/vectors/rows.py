"""Rows of vectors: which space they live in, and unit length with every bad row refused by name.

All of stage 3 takes its rows from here. Not here: statistics (statistics.py) or files (files.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError

Rows = NDArray[np.floating[Any]]
Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Space:
    """Where vectors live: the encoder's name, the revision of its weights, the number of dimensions.

    Vectors of two spaces must never meet in one computation, even when the dimensions agree.
    """

    encoder: str
    revision: str
    dimension: int

    def __str__(self) -> str:
        return f"{self.encoder} (revision {self.revision}, {self.dimension} dimensions)"

    def require(self, other: "Space | None", what: str) -> None:
        """UserError unless `other`, the space of `what`, is this one; None stands for vectors of unknown origin."""
        if other is not None and other != self:
            raise UserError(
                f"{what} come from {other}, but here all vectors must come from {self}",
                "encode texts and images with the same encoder, then compute again",
            )


def unit_rows(vectors: Rows, *, where: str = "vectors", ids: Sequence[str] | None = None, first: int = 0) -> Float64:
    """(n, d) float64 rows of unit length; each row's result depends on that row alone.

    UserError names `where`, the row (counted from `first`) and its id when a row holds NaN or Inf, or is all zero.
    """
    # A NaN or Inf anywhere in a row shows in its length, so that one test finds all three kinds of bad row.
    with np.errstate(over="ignore", invalid="ignore"):
        rows = vectors.astype(np.float64)
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    good = np.isfinite(lengths) & (lengths > 0)
    if not good.all():
        _refuse(vectors, int(np.argmin(good)), where, ids, first)
    rows /= lengths[:, None]
    return rows


def check_shape(vectors: Rows, dimension: int | None, where: str) -> None:
    """UserError unless `vectors` is a matrix of floating point numbers with `dimension` columns."""
    if vectors.ndim != 2 or not np.issubdtype(vectors.dtype, np.floating):
        raise UserError(
            f"{where}: expected a matrix of floating point numbers, one vector a row; "
            f"found shape {vectors.shape} of {vectors.dtype}",
            "store one row per text or image",
        )
    if dimension is not None and vectors.shape[1] != dimension:
        raise UserError(
            f"{where}: the vectors have {vectors.shape[1]} dimensions, but {dimension} are expected",
            "they were made by another encoder: encode them again with the encoder of this recipe",
        )


def _refuse(vectors: Rows, row: int, where: str, ids: Sequence[str] | None, first: int) -> None:
    name = f"row {first + row}" + ("" if ids is None else f" (id {ids[row]})")
    values = vectors[row]
    if np.isnan(values).any():
        fault = f"has NaN in column {int(np.argmax(np.isnan(values)))}"
    elif np.isinf(values).any():
        fault = f"has Inf in column {int(np.argmax(np.isinf(values)))}"
    else:
        fault = "is all zero, so it has no direction" if not values.any() else "is too long or too short to be scaled"
    raise UserError(f"{where}: {name} {fault}", "make this vector again, or leave the row out")
