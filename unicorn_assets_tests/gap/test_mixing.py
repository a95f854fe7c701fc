"""Mixing metrics: apart, mixed, and against loops."""

import numpy as np
import pytest

from unicorn_assets.gap.mixing import (
    knn_mixing,
    linear_separability,
    mixing_estimates,
    mixing_metrics,
    uniformity,
)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cloud(seed: int, n: int = 600, d: int = 16, towards: float = 0.0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, d))
    rows[:, 0] += towards
    return unit(rows)


def test_one_cloud_cut_in_two_is_mixed() -> None:
    found = mixing_metrics(cloud(0), cloud(1), seed=0)
    assert found["linear_separability"] == pytest.approx(0.5, abs=0.07)
    assert found["knn_mixing"] == pytest.approx(0.5, abs=0.02)


def test_two_clouds_apart_are_told_apart() -> None:
    found = mixing_metrics(cloud(0, towards=20), cloud(1, towards=-20), seed=0)
    assert found["linear_separability"] == 1.0
    assert found["knn_mixing"] == 0.0


def test_the_probe_is_tested_on_rows_it_has_not_seen() -> None:
    # More dimensions than training rows: the probe could memorise its training half, but the sides do not differ.
    assert linear_separability(cloud(0, 80, 200), cloud(1, 80, 200)) == pytest.approx(0.5, abs=0.2)


def test_the_probe_is_the_ridge_regression_it_claims_to_be() -> None:
    y, x = cloud(2, 100, 5, towards=0.8), cloud(3, 100, 5)
    hits = 0
    for seen, unseen in ((slice(0, 50), slice(50, 100)), (slice(50, 100), slice(0, 50))):
        train, labels = np.concatenate([y[seen], x[seen]]), np.repeat([-1.0, 1.0], 50)
        centred = train - train.mean(0)
        ridge = 1e-3 * np.mean(np.sum(centred**2, axis=0))
        stacked = np.concatenate([centred, np.sqrt(ridge) * np.eye(5)])
        weights = np.linalg.lstsq(stacked, np.concatenate([labels, np.zeros(5)]), rcond=None)[0]
        hits += sum((row - train.mean(0)) @ weights <= 0 for row in y[unseen])
        hits += sum((row - train.mean(0)) @ weights > 0 for row in x[unseen])
    assert linear_separability(y, x) == hits / 200


def test_intervals_are_around_the_same_values() -> None:
    y, x = cloud(11, 300, towards=1), cloud(12, 200)
    estimates, values = mixing_estimates(y, x, 3), mixing_metrics(y, x, 3)
    assert {name: found.value for name, found in estimates.items()} == pytest.approx(values)
    for found in estimates.values():
        assert 0 < found.high - found.low < 0.3
        assert found.low < found.value < found.high


def test_neighbours_are_counted_as_in_a_loop() -> None:
    y, x = cloud(4, 40, 6, towards=1), cloud(5, 40, 6)
    rows, shares = np.concatenate([y, x]), []
    for i, row in enumerate(rows):
        others = sorted((j for j in range(80) if j != i), key=lambda j: -float(row @ rows[j]))[:20]
        shares.append(sum((j < 40) != (i < 40) for j in others) / 20)
    assert knn_mixing(y, x) == pytest.approx(np.mean(shares))


def test_uniformity_is_the_mean_over_different_rows() -> None:
    rows = cloud(6, 30, 4)
    kernel = [np.exp(-2 * np.sum((u - v) ** 2)) for i, u in enumerate(rows) for j, v in enumerate(rows) if i != j]
    assert uniformity(rows) == pytest.approx(np.log(np.mean(kernel)))
    assert uniformity(np.ones((5, 4)) / 2) == pytest.approx(0)


def test_the_seed_fixes_the_result_and_sides_enter_equally() -> None:
    y, x = cloud(7, 2500, towards=1), cloud(8, 700)
    assert mixing_metrics(y, x, 3) == mixing_metrics(y, x, 3)
    assert mixing_metrics(y, x, 3) != mixing_metrics(y, x, 4)
    # Three and a half times as many texts would make one-sided neighbourhoods, were sides not balanced.
    assert mixing_metrics(cloud(9, 2500), cloud(10, 700), 0)["knn_mixing"] == pytest.approx(0.5, abs=0.03)
