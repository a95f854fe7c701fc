"""The metrics of distribution.py with intervals, corrected for what small samples do to them.

A sample's centroids are apart and its covariances differ even when both sides come from one cloud: plain formulas are
biased upwards by about 1 / rows. Each Estimate keeps the plain value beside the corrected one.
"""

from collections.abc import Iterator

import numpy as np

from unicorn_assets.gap.distribution import TINY, Moments, directions, distribution_metrics, shapes
from unicorn_assets.gap.intervals import (
    GROUPS,
    Estimate,
    counts,
    groups,
    jackknife,
    mean_over_pairs,
    percentile,
)
from unicorn_assets.vectors.rows import Float64

_INFINITE = float("inf")


def distribution_estimates(text: Float64, image: Float64, seed: int = 0) -> dict[str, Estimate]:
    """The metrics of this module by name, corrected for small samples, with intervals.

    Centroid distance and trace ratio come from mean cosines over different rows, which have no bias (the former is then
    the square root of a maximum mean discrepancy with linear kernel: Gretton et al. 2012, JMLR 13). The others are
    jackknifed; the covariance gap as its square, because there its bias falls like 1 / rows.
    """
    plain = distribution_metrics(text, image)
    y, x = counts(len(text), seed), counts(len(image), seed + 1)
    squared, ratio = _by_cosines(text, image, y, x)
    once = np.ones((1, len(text))), np.ones((1, len(image)))
    own_squared, own_ratio = (float(value[0]) for value in _by_cosines(text, image, *once))
    distance = percentile(own_squared, squared, (0.0, 4.0))
    found = {
        "centroid_distance": _root(distance, plain["centroid_distance"]),
        "trace_ratio": percentile(own_ratio, ratio, (0.0, _INFINITE), plain["trace_ratio"]),
    }
    q = directions(text, image)
    without = [
        _squared_gap(shapes(one, other, q))
        for one, other in zip(_without_groups(text, seed), _without_groups(image, seed + 1), strict=True)
    ]
    own = _squared_gap({metric: value for metric, value in plain.items() if metric in without[0]})
    limits = dict.fromkeys(own, (0.0, _INFINITE))
    limits |= {"spectral_correlation": (-1.0, 1.0), "subspace_overlap": (0.0, 1.0), "frechet_distance": (0.0, 4.0)}
    limits |= dict.fromkeys(("effective_rank_text", "effective_rank_image"), (1.0, float(text.shape[1])))
    found |= jackknife(own, without, limits)
    found["covariance_gap"] = _root(found["covariance_gap"], plain["covariance_gap"])
    return {metric: found[metric] for metric in plain}


def _by_cosines(text: Float64, image: Float64, y: Float64, x: Float64) -> tuple[Float64, Float64]:
    """(resamples,) squared centroid distance and trace ratio; y and x say how often each row was drawn.

    |mu_x - mu_y|^2 = mean cos(y, y') + mean cos(x, x') - 2 mean cos(x, y), and tr S = 1 - mean cos within a side.
    """
    within_y, within_x = mean_over_pairs(text, y), mean_over_pairs(image, x)
    across = np.einsum("bd,bd->b", y @ text, x @ image) / (len(text) * len(image))
    return within_y + within_x - 2 * across, (1 - within_y) / np.maximum(1 - within_x, TINY)


def _without_groups(rows: Float64, seed: int) -> Iterator[Moments]:
    """Mean and covariance without each group of the jackknife in turn."""
    group = groups(len(rows), seed)
    total, second = rows.sum(axis=0), rows.T @ rows
    for number in range(GROUPS):
        out = rows[group == number]
        left = len(rows) - len(out)
        mean = (total - out.sum(axis=0)) / left
        yield mean, (second - out.T @ out) / left - np.outer(mean, mean)


def _squared_gap(found: dict[str, float]) -> dict[str, float]:
    return found | {"covariance_gap": found["covariance_gap"] ** 2}


def _root(squared: Estimate, plain: float) -> Estimate:
    """The estimate of a length from that of its square."""
    return Estimate(squared.value**0.5, squared.low**0.5, squared.high**0.5, plain)
