"""All metrics in one call, before a move or after it. The metrics themselves are in the modules beside this one."""

import numpy as np

from unicorn_assets.errors import UserError
from unicorn_assets.representation.gap.distribution import distribution_metrics
from unicorn_assets.representation.gap.mixing import mixing_metrics
from unicorn_assets.representation.gap.paired import paired_metrics
from unicorn_assets.representation.gap.preservation import source_preservation
from unicorn_assets.representation.image_reference import ImageReference
from unicorn_assets.representation.transfer import Transfer
from unicorn_assets.representation.vectors import Float64, Rows, check_shape, unit_rows

MIN_ROWS = 8  # fewer vectors on a side say nothing about a distribution


def measure_gap(text: Rows, image: Rows, pairs: tuple[Rows, Rows] | None = None, seed: int = 0) -> dict[str, float]:
    """Every metric of this room between `text` (n, d) and `image` (m, d), in float64, rows made unit length first.

    `pairs` are two (k, d) matrices, text and image of the same things, kept out of every other computation. `seed`
    fixes subsamples. UserError for bad rows, different dimensions, or fewer than 8 rows on a side.
    """
    y, x = _checked(text, "text vectors"), _checked(image, "image vectors", text.shape[1])
    found = distribution_metrics(y, x) | mixing_metrics(y, x, seed)
    if pairs is not None:
        y, x = _checked(pairs[0], "paired text", text.shape[1]), _checked(pairs[1], "paired images", text.shape[1])
        if len(y) != len(x):
            raise UserError(f"{len(y)} paired texts but {len(x)} paired images", "give one image per text")
        found |= paired_metrics(y, x)
    return found


def compare(
    transfer: Transfer, text: Rows, reference: ImageReference, seed: int = 0
) -> tuple[dict[str, float], dict[str, float]]:
    """The gap before and after `transfer`, on `text`, the reference's sample and, where there are any, its pairs.

    After the move, images are compared as the method uses them (mean shift centres them too), and the second result
    also says how well the texts' own structure was preserved.
    """
    pairs = reference.evaluation
    before = measure_gap(text, reference.sample, (pairs.text, pairs.image) if pairs else None, seed)
    moved = transfer.apply(text)
    moved_pairs = (transfer.apply(pairs.text), transfer.image_side(pairs.image)) if pairs else None
    after = measure_gap(moved, transfer.image_side(reference.sample), moved_pairs, seed)
    return before, after | source_preservation(text, moved, seed)


def _checked(vectors: Rows, where: str, dimension: int | None = None) -> Float64:
    check_shape(vectors, dimension, where)
    if len(vectors) < MIN_ROWS:
        raise UserError(f"{where}: {len(vectors)} rows are too few to measure a gap", f"give at least {MIN_ROWS}")
    return np.ascontiguousarray(unit_rows(vectors, where=where))
