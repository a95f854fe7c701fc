"""Texts against their own images: row i of both sides is the same thing. Needs pairs, which fitting never sees."""

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.gap.intervals import (
    Estimate,
    counts,
    mean_of,
    mean_over_pairs,
    percentile,
    share_of,
)
from unicorn_assets.vectors.rows import Float64

RANKS = (1, 5, 10)
DIRECTIONS = ("text_to_image", "image_to_text")


def paired_metrics(text: Float64, image: Float64) -> dict[str, float]:
    """The metrics of this module by name."""
    found = {
        "paired_cosine": float(_cosines(text, image).mean()),
        "alignment": float(_squares(text, image).mean()),
        "centred_distance": centred_distance(text, image),
        "relative_modality_gap": relative_modality_gap(text, image),
    }
    ranks = retrieval_ranks(text, image)
    return found | {f"{way}_recall_{k}": float(np.mean(ranks[way] <= k)) for way in DIRECTIONS for k in RANKS}


def paired_estimates(text: Float64, image: Float64, seed: int) -> dict[str, Estimate]:
    """The same with intervals. Pairs are resampled; for recall the gallery stays what it is and queries vary."""
    drawn = counts(len(text), seed)
    found = {
        "paired_cosine": mean_of(_cosines(text, image), drawn, (-1.0, 1.0)),
        "alignment": mean_of(_squares(text, image), drawn, (0.0, 4.0)),
        "centred_distance": percentile(
            centred_distance(text, image), _centred_distances(text, image, drawn), (0.0, 2.0)
        ),
        "relative_modality_gap": percentile(
            relative_modality_gap(text, image), _relative_gap(text, image, drawn), (0.0, 1.0)
        ),
    }
    ranks = retrieval_ranks(text, image)
    return found | {f"{way}_recall_{k}": share_of(ranks[way] <= k) for way in DIRECTIONS for k in RANKS}


def centred_distance(text: Float64, image: Float64) -> float:
    """Root mean square distance of a text to its own image after each side's mean is taken off it.

    What is left of the gap when the centroids meet; arXiv 2604.00279 calls this part the distribution gap and finds
    that it tells how a task goes, where the raw gap does not. Its square is alignment less centroid distance squared.
    """
    return float(_centred_distances(text, image, np.ones((1, len(text))))[0])


def relative_modality_gap(text: Float64, image: Float64) -> float:
    """m / (m + (dxx + dyy) / 2) with d(u, v) = (1 - cos) / 2, m its mean over pairs, dxx and dyy within each side.

    Schrodi et al. 2024, arXiv 2404.07983. 0 when pairs coincide, 0.5 when a text is as far from its own image as
    strangers of one side are from each other, towards 1 when each side is one point far away.
    """
    return float(_relative_gap(text, image, np.ones((1, len(text))))[0])


def retrieval_ranks(text: Float64, image: Float64) -> dict[str, NDArray[np.intp]]:
    """(n,) rank of the own image of each text, and of the own text of each image; 1 is best."""
    similarity = text @ image.T
    return dict(zip(DIRECTIONS, (own_ranks(similarity), own_ranks(similarity.T)), strict=True))


def own_ranks(scores: Float64) -> NDArray[np.intp]:
    """Rank (1 is best) of column i in row i; ties count against it, so that equal vectors are no success."""
    own = np.diagonal(scores)[:, None]
    ranks: NDArray[np.intp] = (scores >= own).sum(axis=1)
    return ranks


def _cosines(text: Float64, image: Float64) -> Float64:
    found: Float64 = np.einsum("ij,ij->i", text, image)
    return found


def _squares(text: Float64, image: Float64) -> Float64:
    """|x - y|^2 by pair; its mean is alignment with exponent 2 (Wang and Isola 2020, arXiv 2005.10242)."""
    found: Float64 = np.sum((image - text) ** 2, axis=1)
    return found


def _centred_distances(text: Float64, image: Float64, drawn: Float64) -> Float64:
    """(resamples,) centred distance; `drawn` says how often each pair was drawn."""
    between = drawn @ (image - text) / len(text)
    squares = drawn @ _squares(text, image) / len(text) - np.sum(between**2, axis=1)
    found: Float64 = np.sqrt(np.maximum(squares, 0.0))
    return found


def _relative_gap(text: Float64, image: Float64, drawn: Float64) -> Float64:
    """(resamples,) relative modality gap; `drawn` says how often each pair was drawn."""
    matched = drawn @ (1 - _cosines(text, image)) / (2 * len(text))
    within = (2 - mean_over_pairs(text, drawn) - mean_over_pairs(image, drawn)) / 4
    total = matched + within
    found: Float64 = np.divide(matched, total, out=np.zeros_like(total), where=total > 0)
    return found
