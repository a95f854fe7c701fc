"""Corrected metrics: closed forms, no bias where plain formulas have one, and intervals that hold the truth."""

import numpy as np
import pytest

from unicorn_assets.gap.corrected import distribution_estimates
from unicorn_assets.gap.distribution import distribution_metrics

CHECKED = ("centroid_distance", "trace_ratio", "frechet_distance", "covariance_gap")


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def world(shift: float) -> tuple[np.ndarray, np.ndarray]:
    """All there is of two sides: 20,000 rows each, unlike in mean and spread by `shift`."""
    rng = np.random.default_rng(0)
    scales = 0.9 ** np.arange(12)
    y = rng.normal(size=(20_000, 12)) * (scales + shift * scales[::-1]) + 0.4 + shift
    x = rng.normal(size=(20_000, 12)) * scales + 0.4
    return unit(y), unit(x)


def test_centroid_distance_and_trace_ratio_in_closed_form() -> None:
    y, x = (side[:40] for side in world(0.3))
    found = distribution_estimates(y, x)
    # E|a|^2 of a mean is |mu|^2 + tr S / N: both noises come off, with the unbiased variances.
    noise = y.var(axis=0, ddof=1).sum() / 40 + x.var(axis=0, ddof=1).sum() / 40
    squared = np.sum((y.mean(0) - x.mean(0)) ** 2) - noise
    assert found["centroid_distance"].value == pytest.approx(np.sqrt(squared))
    assert found["trace_ratio"].value == pytest.approx(y.var(axis=0).sum() / x.var(axis=0).sum())
    for metric, plain in distribution_metrics(y, x).items():
        assert found[metric].plain == pytest.approx(plain), metric
        assert found[metric].low <= found[metric].value <= found[metric].high


def test_the_seed_fixes_the_intervals() -> None:
    y, x = (side[:40] for side in world(0.3))
    assert distribution_estimates(y, x, 3) == distribution_estimates(y, x, 3)
    assert distribution_estimates(y, x, 3) != distribution_estimates(y, x, 4)


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_intervals_hold_the_truth_and_small_samples_do_not_mislead(shift: float) -> None:
    everything = world(shift)
    truth = distribution_metrics(*everything)
    rng, draws = np.random.default_rng(1), 60
    held = dict.fromkeys(CHECKED, 0)
    frechet = []
    for number in range(draws):
        y, x = (side[rng.choice(20_000, 60, replace=False)] for side in everything)
        found = distribution_estimates(y, x, number)
        frechet.append((found["frechet_distance"].plain, found["frechet_distance"].value))
        for metric in CHECKED:
            held[metric] += found[metric].low <= truth[metric] <= found[metric].high
    assert {metric: count for metric, count in held.items() if count < 0.85 * draws} == {}
    plain, corrected = np.abs(np.mean(frechet, axis=0) - truth["frechet_distance"])
    assert corrected < plain / 4
