"""Paired metrics against loops and cases with a known answer."""

import numpy as np
import pytest

from unicorn_assets.gap.paired import (
    centred_distance,
    own_ranks,
    paired_estimates,
    paired_metrics,
    relative_modality_gap,
)


def pairs(seed: int = 0, n: int = 60, d: int = 8, noise: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(n, d))
    text = image + noise * rng.normal(size=(n, d)) + 0.5
    return tuple(rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (text, image))  # type: ignore[return-value]


def test_against_loops() -> None:
    y, x = pairs()
    n, found = len(y), paired_metrics(y, x)
    assert found["paired_cosine"] == pytest.approx(np.mean([y[i] @ x[i] for i in range(n)]))
    assert found["alignment"] == pytest.approx(2 - 2 * found["paired_cosine"])

    def within(rows: np.ndarray) -> float:
        return float(np.mean([(1 - rows[i] @ rows[j]) / 2 for i in range(n) for j in range(n) if i != j]))

    matched = np.mean([(1 - y[i] @ x[i]) / 2 for i in range(n)])
    assert found["relative_modality_gap"] == pytest.approx(matched / (matched + (within(y) + within(x)) / 2))
    left = [(y[i] - y.mean(axis=0)) - (x[i] - x.mean(axis=0)) for i in range(n)]
    assert found["centred_distance"] == pytest.approx(np.sqrt(np.mean([one @ one for one in left])))
    for k in (1, 5, 10):
        hits = [i in sorted(range(n), key=lambda j: -float(y[i] @ x[j]))[:k] for i in range(n)]
        assert found[f"text_to_image_recall_{k}"] == pytest.approx(np.mean(hits))
        hits = [i in sorted(range(n), key=lambda j: -float(x[i] @ y[j]))[:k] for i in range(n)]
        assert found[f"image_to_text_recall_{k}"] == pytest.approx(np.mean(hits))


def test_a_shift_costs_the_centred_distance_nothing() -> None:
    y, x = pairs()
    assert centred_distance(y + 3, x) == pytest.approx(centred_distance(y, x))
    assert centred_distance(x + 3, x) == pytest.approx(0, abs=1e-7)


def test_equal_sides_have_no_gap_and_opposite_ones_the_largest() -> None:
    y, _ = pairs()
    found = paired_metrics(y, y)
    assert found["relative_modality_gap"] == pytest.approx(0, abs=1e-12)
    assert found["text_to_image_recall_1"] == 1
    point = np.tile([1.0, 0.0], (9, 1))
    assert relative_modality_gap(point, -point) == pytest.approx(1)


def test_vectors_that_are_all_equal_are_no_success() -> None:
    point = np.tile([1.0, 0.0], (20, 1))
    assert own_ranks(point @ point.T).tolist() == [20] * 20
    assert paired_metrics(point, point)["image_to_text_recall_10"] == 0


def test_intervals_are_around_the_same_values_and_shrink_with_more_pairs() -> None:
    few, many = pairs(n=40), pairs(n=640)
    found = paired_estimates(*few, seed=0)
    assert {name: one.value for name, one in found.items()} == pytest.approx(paired_metrics(*few))
    for name, larger in paired_estimates(*many, seed=0).items():
        assert found[name].low <= found[name].value <= found[name].high
        if "recall" not in name:  # a gallery sixteen times as large is another question
            assert larger.high - larger.low < (found[name].high - found[name].low) / 2, name
