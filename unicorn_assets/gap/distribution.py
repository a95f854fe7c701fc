"""Means and covariances of two clouds of unit vectors, compared. Unpaired; covariances are 1/N normalised.

y is text, x image; S their covariances, l their eigenvalues from the largest down, U their eigenvectors.
Here: the formulas as they are. Their intervals, and what small samples do to them, are in corrected.py.
"""

import numpy as np

from unicorn_assets.gap.intervals import GROUPS
from unicorn_assets.vectors.rows import Float64

Moments = tuple[Float64, Float64]
SUBSPACE = 16
"""Leading directions compared by the subspace overlap (fewer where there are fewer dimensions or rows)."""

TINY = float(np.finfo(float).tiny)


def distribution_metrics(text: Float64, image: Float64) -> dict[str, float]:
    """The metrics of this module by name, by their formulas."""
    y, x = moments(text), moments(image)
    trace_ratio = float(np.trace(y[1]) / max(float(np.trace(x[1])), TINY))
    distance = float(np.linalg.norm(x[0] - y[0]))
    return {"centroid_distance": distance, "trace_ratio": trace_ratio, **shapes(y, x, directions(text, image))}


def shapes(y: Moments, x: Moments, q: int) -> dict[str, float]:
    """The metrics that need eigenvalues, from (mean, covariance) of both sides; q leading directions are compared."""
    (mean_y, cov_y), (mean_x, cov_x) = y, x
    values_y, vectors_y = spectrum(cov_y)
    values_x, vectors_x = spectrum(cov_x)
    return {
        "frechet_distance": frechet_distance(mean_y, cov_y, mean_x, (values_x, vectors_x)),
        # |Sx - Sy|_F / |Sx|_F
        "covariance_gap": float(np.linalg.norm(cov_x - cov_y) / max(float(np.linalg.norm(cov_x)), TINY)),
        "spectral_correlation": _correlation(values_y, values_x),
        # |Ux' Uy|_F^2 / q over the q leading directions
        "subspace_overlap": float(np.sum((vectors_x[:, :q].T @ vectors_y[:, :q]) ** 2)) / q,
        "effective_rank_text": effective_rank(values_y),
        "effective_rank_image": effective_rank(values_x),
    }


def directions(text: Float64, image: Float64) -> int:
    """How many leading directions are compared: fewer when a jackknife group less would leave too few rows."""
    fewest = min(len(text), len(image))
    largest_group = -(-fewest // GROUPS)
    return max(1, min(SUBSPACE, int(text.shape[1]), fewest - largest_group - 1))


def moments(rows: Float64) -> Moments:
    """Mean (d,) and covariance (d, d), 1/N normalised."""
    mean = rows.mean(axis=0)
    centred = rows - mean
    return mean, centred.T @ centred / len(rows)


def spectrum(covariance: Float64) -> tuple[Float64, Float64]:
    """Eigenvalues from the largest down, never below zero, and their eigenvectors as columns."""
    values, vectors = np.linalg.eigh(covariance)
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def frechet_distance(mean_y: Float64, cov_y: Float64, mean_x: Float64, image: tuple[Float64, Float64]) -> float:
    """Squared Frechet distance of two Gaussians: |mu_x - mu_y|^2 + tr(Sx + Sy - 2 (Sx^1/2 Sy Sx^1/2)^1/2).

    `image` is the spectrum of Sx. Dowson and Landau 1982; the form of FID (Heusel et al. 2017, arXiv 1706.08500).
    """
    values, vectors = image
    root = (vectors * np.sqrt(values)) @ vectors.T
    between = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_y @ root), 0.0)).sum()
    shift = mean_x - mean_y
    squared = shift @ shift + values.sum() + np.trace(cov_y) - 2 * between
    return float(max(squared, 0.0))


def effective_rank(values: Float64) -> float:
    """exp(-sum p log p) with p = l / sum l: how many directions carry the spread (Roy and Vetterli 2007)."""
    total = values.sum()
    if total <= 0:
        return 0.0
    p = values[values > 0] / total
    return float(np.exp(-(p * np.log(p)).sum()))


def _correlation(a: Float64, b: Float64) -> float:
    """Pearson correlation of two spectra; 0 when one of them is flat and has no shape to correlate."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 0 else 0.0
