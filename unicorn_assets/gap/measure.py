"""All metrics in one call: before a move, after it, and after the same method fitted on other rows than those judged.

The metrics themselves are in the modules beside this one, the two parts of the rows in split.py.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unicorn_assets.errors import UserError
from unicorn_assets.gap.corrected import distribution_estimates
from unicorn_assets.gap.intervals import Estimate
from unicorn_assets.gap.mixing import mixing_estimates, source_preservation
from unicorn_assets.gap.paired import paired_estimates
from unicorn_assets.gap.split import MIN_ROWS, Refit, Sides, refitting, split
from unicorn_assets.gap.threads import threads_for
from unicorn_assets.transfer import Transfer
from unicorn_assets.vectors.rows import Float64, Rows, check_shape, unit_rows

Estimates = dict[str, Estimate]


@dataclass(frozen=True)
class Part:
    """How many rows of a side are in each part. `in_fit` says whether the fitted move had seen them; None: unknown."""

    statistics: int
    held_out: int
    in_fit: bool | None


@dataclass(frozen=True)
class GapReport:
    """The gap on the held-out part, in three states.

    `before`: texts as encoded. `after`: moved by the fitted move, which may have seen these rows. `cross_fitted`: moved
    by the same method fitted on the statistics part alone; pairs by a move fitted on the pairs' own statistics part.
    """

    method: str
    parts: dict[str, Part]  # text, images and, where there are any, pairs
    before: Estimates
    after: Estimates
    cross_fitted: Estimates

    def to_dict(self) -> dict[str, Any]:
        """For JSON: every metric is {"value", "low", "high"} and, where the value is corrected, "plain"."""
        states = {"before": self.before, "after": self.after, "cross_fitted": self.cross_fitted}
        return {
            "method": self.method,
            "parts": {side: asdict(part) for side, part in self.parts.items()},
            **{state: {name: value.to_dict() for name, value in found.items()} for state, found in states.items()},
        }


def measure_gap(text: Rows, image: Rows, pairs: tuple[Rows, Rows] | None = None, seed: int = 0) -> Estimates:
    """Every metric of this room between `text` (n, d) and `image` (m, d), in float64, rows made unit length first.

    `pairs` are two (k, d) matrices, text and image of the same things, kept out of every other computation. `seed`
    fixes subsamples and intervals. UserError for bad rows, different dimensions, or fewer than 10 rows on a side.
    """
    y, x = _checked(text, "text vectors"), _checked(image, "image vectors", text.shape[1])
    found = distribution_estimates(y, x, seed) | mixing_estimates(y, x, seed)
    return found if pairs is None else found | _measure_pairs(*pairs, text.shape[1], seed)


def compare(
    transfer: Transfer,
    text: Rows,
    images: Rows,
    pairs: tuple[Rows, Rows] | None = None,
    *,
    in_fit: bool | None = None,
    pairs_in_fit: bool | None = None,
    refit: Refit | None = None,
    seed: int = 0,
) -> GapReport:
    """The gap before and after `transfer`, and cross-fitted, all on the held-out half of the rows.

    After a move, images are compared as the method uses them (mean shift centres them too). `in_fit` says whether
    `transfer` was fitted on these texts and images, `pairs_in_fit` the same of the pairs; None: nobody knows. `refit`
    fits the method anew on (texts, images); the default takes the settings of `transfer`.
    UserError for bad rows, different dimensions, or fewer than 20 rows on a side.
    """
    with threads_for(transfer.space.dimension):
        parts = split(text, images, pairs, seed)
        return _compare(transfer, *parts, (in_fit, pairs_in_fit), refit or refitting(transfer), seed)


def _compare(
    transfer: Transfer, statistics: Sides, held: Sides, in_fit: tuple[bool | None, bool | None], refit: Refit, seed: int
) -> GapReport:
    before = measure_gap(held.text, held.images, held.pairs, seed)
    cross_fitted = _moved(refit(statistics.text, statistics.images), Sides(held.text, held.images, None), seed)
    parts = {
        "text": Part(len(statistics.text), len(held.text), in_fit[0]),
        "images": Part(len(statistics.images), len(held.images), in_fit[0]),
    }
    if held.pairs is not None and statistics.pairs is not None:
        again = refit(*statistics.pairs)
        moved = again.apply(held.pairs[0]), again.image_side(held.pairs[1])
        cross_fitted |= _measure_pairs(*moved, held.text.shape[1], seed)
        parts["pairs"] = Part(len(statistics.pairs[0]), len(held.pairs[0]), in_fit[1])
    return GapReport(transfer.method, parts, before, _moved(transfer, held, seed), cross_fitted)


def _moved(transfer: Transfer, held: Sides, seed: int) -> Estimates:
    """Every metric after a move, and how well the texts' own structure was preserved."""
    text = transfer.apply(held.text)
    pairs = (transfer.apply(held.pairs[0]), transfer.image_side(held.pairs[1])) if held.pairs else None
    found = measure_gap(text, transfer.image_side(held.images), pairs, seed)
    return found | source_preservation(held.text, text, seed)


def _measure_pairs(text: Rows, image: Rows, dimension: int, seed: int) -> Estimates:
    y, x = _checked(text, "paired text", dimension), _checked(image, "paired images", dimension)
    if len(y) != len(x):
        raise UserError(f"{len(y)} paired texts but {len(x)} paired images", "give one image per text")
    return paired_estimates(y, x, seed)


def _checked(vectors: Rows, where: str, dimension: int | None = None) -> Float64:
    check_shape(vectors, dimension, where)
    if len(vectors) < MIN_ROWS:
        raise UserError(f"{where}: {len(vectors)} rows are too few to measure a gap", f"give at least {MIN_ROWS}")
    return np.ascontiguousarray(unit_rows(vectors, where=where))
