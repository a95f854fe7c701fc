"""The statistics part and the held-out part: what a move may be fitted on, and what it is judged by.

Every side is cut in two at random, once and for all measurements of a report. Pairs are cut as pairs; in the
statistics part their order is then lost on purpose. Not here: fitting (transfer/) or measuring (measure.py).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unicorn_assets.errors import UserError
from unicorn_assets.transfer import Transfer, fit
from unicorn_assets.transfer.fitting import NOISE_COSINE
from unicorn_assets.vectors.rows import Rows
from unicorn_assets.vectors.statistics import Statistics

MIN_ROWS = 10  # in each part: one row for each group of the jackknife

Refit = Callable[[Rows, Rows], Transfer]


@dataclass(frozen=True)
class Sides:
    """Texts (n, d), images (m, d) that are not theirs, and (k, d) matrices of texts with their own images."""

    text: Rows
    images: Rows
    pairs: tuple[Rows, Rows] | None


def split(text: Rows, images: Rows, pairs: tuple[Rows, Rows] | None = None, seed: int = 0) -> tuple[Sides, Sides]:
    """(statistics part, held-out part), the same halves for the same seed and sizes.

    UserError for fewer than 20 rows on a side, or pairs of different number.
    """
    random = np.random.default_rng(seed)
    texts, pictures = _halves(text, "text vectors", random), _halves(images, "image vectors", random)
    if pairs is None:
        return Sides(texts[0], pictures[0], None), Sides(texts[1], pictures[1], None)
    if len(pairs[0]) != len(pairs[1]):
        raise UserError(f"{len(pairs[0])} paired texts but {len(pairs[1])} paired images", "give one image per text")
    rows = _halves(np.arange(len(pairs[0]), dtype=np.float64), "pairs", random)
    for_statistics, held_out = (part.astype(np.intp) for part in rows)
    unpaired = pairs[0][for_statistics], pairs[1][random.permutation(for_statistics)]
    held = pairs[0][held_out], pairs[1][held_out]
    return Sides(texts[0], pictures[0], unpaired), Sides(texts[1], pictures[1], held)


def refitting(transfer: Transfer) -> Refit:
    """A function that fits the same method with the same settings anew on (texts, images), unpaired."""
    cosine = NOISE_COSINE if transfer.noise_cosine is None else transfer.noise_cosine

    def refit(text: Rows, images: Rows) -> Transfer:
        statistics = Statistics(transfer.space).add(images)
        return fit(
            transfer.method, transfer.passes or 1, statistics, lambda: [text],
            space=transfer.space, noise_cosine=cosine,
        )  # fmt: skip

    return refit


def _halves(rows: Rows, where: str, random: np.random.Generator) -> tuple[Rows, Rows]:
    if len(rows) < 2 * MIN_ROWS:
        raise UserError(
            f"{where}: {len(rows)} rows are too few to fit a move on one half and judge it on the other",
            f"give at least {2 * MIN_ROWS}",
        )
    order = random.permutation(len(rows))
    half = len(rows) // 2
    return rows[np.sort(order[:half])], rows[np.sort(order[half:])]
