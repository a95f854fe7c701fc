"""Steps in place and their weighted sum, against plain float64 formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import UserError
from unicorn_assets.representation.walk import refuse_without_direction, walk, weighted


def reference(rows: np.ndarray, steps: list[tuple[float, np.ndarray]]) -> np.ndarray:
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for scale, shift in steps:
        rows = scale * rows + shift
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0.2, 3.0))
def test_walking_and_weighing_follow_the_formula(seed: int, count: int, length: float) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(30, 12)) * length
    steps = [(float(rng.uniform(0.5, 2)), rng.normal(size=12) * 0.4) for _ in range(count)]
    truth = reference(rows, steps)
    lengths = np.linalg.norm(rows, axis=1)
    weights, added, least = weighted(rows, lengths, steps)
    np.testing.assert_allclose(weights @ rows + added, truth.sum(axis=0), atol=1e-9)
    moved = rows.copy()
    after, least_walked = walk(moved, lengths, steps)
    np.testing.assert_allclose(moved / after[:, None], truth, atol=1e-9)
    np.testing.assert_allclose(least, least_walked, rtol=1e-6)


def test_a_row_that_vanishes_is_named() -> None:
    rows = np.eye(3)
    steps = [(1.0, -rows[1])]
    for least in (weighted(rows, np.ones(3), steps)[2], walk(rows.copy(), np.ones(3), steps)[1]):
        with pytest.raises(UserError, match=r"texts: row 8 \(id b\) equals the mean"):
            refuse_without_direction(least, "texts", ["a", "b", "c"], 7)
