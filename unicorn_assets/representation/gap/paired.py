"""Texts against their own images: row i of both sides is the same thing. Needs pairs, which fitting never sees."""

import numpy as np

from unicorn_assets.representation.vectors import Float64

RANKS = (1, 5, 10)


def paired_metrics(text: Float64, image: Float64) -> dict[str, float]:
    """The metrics of this module by name."""
    cosines = np.einsum("ij,ij->i", text, image)
    found = {
        "paired_cosine": float(cosines.mean()),
        # E|x - y|^2 (alignment with exponent 2: Wang and Isola 2020, arXiv 2005.10242)
        "alignment": float(np.mean(np.sum((image - text) ** 2, axis=1))),
        "relative_modality_gap": relative_modality_gap(text, image),
    }
    similarity = text @ image.T
    for direction, scores in (("text_to_image", similarity), ("image_to_text", similarity.T)):
        ranks = own_ranks(scores)
        found |= {f"{direction}_recall_{k}": float(np.mean(ranks <= k)) for k in RANKS}
    return found


def relative_modality_gap(text: Float64, image: Float64) -> float:
    """m / (m + (dxx + dyy) / 2) with d(u, v) = (1 - cos) / 2, m its mean over pairs, dxx and dyy within each side.

    Schrodi et al. 2024, arXiv 2404.07983. 0 when pairs coincide, towards 1 when each side is one point far away.
    """
    matched = float(np.mean(1 - np.einsum("ij,ij->i", text, image))) / 2
    within = (_mean_distance(text) + _mean_distance(image)) / 2
    total = matched + within
    return matched / total if total > 0 else 0.0


def own_ranks(scores: Float64) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Rank (1 is best) of column i in row i; ties count against it, so that equal vectors are no success."""
    own = np.diagonal(scores)[:, None]
    ranks: np.ndarray[tuple[int, ...], np.dtype[np.intp]] = (scores >= own).sum(axis=1)
    return ranks


def _mean_distance(rows: Float64) -> float:
    """Mean (1 - cos) / 2 over pairs of different rows; in closed form mean cos = (N |mu|^2 - 1) / (N - 1)."""
    n, mean = len(rows), rows.mean(axis=0)
    return (1 - (n * float(mean @ mean) - 1) / (n - 1)) / 2
