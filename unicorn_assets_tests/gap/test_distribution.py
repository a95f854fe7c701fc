"""Distribution metrics against scipy-free references and cases with a known answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.gap.distribution import (
    distribution_metrics,
    effective_rank,
    frechet_distance,
    moments,
    spectrum,
)


def cloud(seed: int, n: int = 400, d: int = 10, shift: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d)) * rng.uniform(0.2, 1, d) + shift * rng.normal(size=d)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def root(matrix: np.ndarray) -> np.ndarray:
    """Principal square root by Newton's iteration (Denman and Beavers), another way than eigenvalues."""
    y, z = matrix, np.eye(len(matrix))
    for _ in range(60):
        y, z = (y + np.linalg.inv(z)) / 2, (z + np.linalg.inv(y)) / 2
    return y


def test_against_other_ways_to_compute_them() -> None:
    y, x = cloud(0), cloud(1)
    found = distribution_metrics(y, x)
    cov_y, cov_x = np.cov(y.T, bias=True), np.cov(x.T, bias=True)
    gap = np.subtract(x.mean(0), y.mean(0))
    assert found["centroid_distance"] == pytest.approx(np.sqrt(sum(gap**2)))
    assert found["covariance_gap"] == pytest.approx(np.sqrt(((cov_x - cov_y) ** 2).sum() / (cov_x**2).sum()))
    assert found["trace_ratio"] == pytest.approx(y.var(axis=0).sum() / x.var(axis=0).sum())
    # The product of covariances has the same eigenvalues as the symmetric form that the implementation uses.
    expected = gap @ gap + np.trace(cov_x + cov_y - 2 * root(cov_x @ cov_y))
    assert found["frechet_distance"] == pytest.approx(expected, rel=1e-6)
    values_y, values_x = np.linalg.svd(cov_y)[1], np.linalg.svd(cov_x)[1]
    assert found["spectral_correlation"] == pytest.approx(np.corrcoef(values_y, values_x)[0, 1])
    p = values_y / values_y.sum()
    assert found["effective_rank_text"] == pytest.approx(np.prod(p**-p))


def test_a_cloud_has_no_gap_to_itself() -> None:
    found = distribution_metrics(cloud(3), cloud(3))
    for name in ("centroid_distance", "covariance_gap"):
        assert found[name] == pytest.approx(0, abs=1e-12)
    assert found["frechet_distance"] == pytest.approx(0, abs=1e-7)
    for name in ("trace_ratio", "spectral_correlation", "subspace_overlap"):
        assert found[name] == pytest.approx(1)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_symmetry_and_independence_of_rotation(seed: int) -> None:
    y, x = cloud(seed, 60), cloud(seed + 1, 80)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(10, 10)))[0]
    one, turned, swapped = (
        distribution_metrics(y, x),
        distribution_metrics(y @ turn, x @ turn),
        distribution_metrics(x, y),
    )
    for name, value in one.items():
        assert turned[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name
    for name in ("centroid_distance", "frechet_distance", "subspace_overlap", "spectral_correlation"):
        assert swapped[name] == pytest.approx(one[name], rel=1e-6, abs=1e-9), name


def test_known_values() -> None:
    assert effective_rank(np.ones(7)) == pytest.approx(7)
    assert effective_rank(np.array([1.0, 0, 0])) == pytest.approx(1)
    one, two = np.zeros(2), np.array([3.0, 4.0])
    # Two Gaussians in the plane with standard deviations 1 and 2: 25 + 2 (1 - 2)^2
    assert frechet_distance(one, np.eye(2), two, spectrum(4 * np.eye(2))) == pytest.approx(27)
    # Text spreads along the first 16 of 64 directions, image along the last 16: no overlap; fewer rows than dimensions.
    rng = np.random.default_rng(0)
    y, x = np.zeros((200, 64)), np.zeros((200, 64))
    y[:, :16], x[:, 48:] = rng.normal(size=(200, 16)), rng.normal(size=(200, 16))
    assert distribution_metrics(y, x)["subspace_overlap"] == pytest.approx(0, abs=1e-9)
    mean, covariance = moments(np.array([[1.0, 0.0], [-1.0, 0.0]]))
    np.testing.assert_array_equal(mean, [0, 0])
    np.testing.assert_array_equal(covariance, [[1, 0], [0, 0]])
