"""Both conversions against numpy's own, over all halves and many singles."""

import numpy as np
import pytest

from unicorn_assets.representation.half import TOO_LARGE, narrow, widen

ALL = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(256, 256)


def narrowed(rows: np.ndarray, factors: np.ndarray | None = None) -> np.ndarray:
    half = np.empty(rows.shape, np.float16)
    ones = np.ones(len(rows), np.float32) if factors is None else factors
    narrow(rows.copy(), ones, half, np.empty(rows.shape, np.int32))
    return half


def test_each_half_is_widened_exactly_and_inf_and_nan_show_in_their_size() -> None:
    found = np.empty(ALL.shape, np.float32)
    widen(ALL, found)
    finite = np.isfinite(ALL)
    assert found[finite].tobytes() == ALL[finite].astype(np.float32).tobytes()
    assert (np.abs(found[~finite]) >= TOO_LARGE).all()
    assert (np.abs(found[finite]) < TOO_LARGE).all()


@pytest.mark.parametrize("scale", [1e4, 1.0, 1e-2, 1e-4])
def test_singles_are_rounded_as_numpy_rounds(scale: float) -> None:
    rows = (np.random.default_rng(0).normal(size=(500, 300)) * scale).astype(np.float32)
    rows[0], rows[1] = 0.0, -0.0
    found, truth = narrowed(rows), rows.astype(np.float16)
    normal = np.abs(rows) >= 2**-14
    normal &= (rows.view(np.int32) & 0x1FFF) != 0x1000  # ties
    assert found[normal].tobytes() == truth[normal].tobytes()
    assert (np.abs(found.astype(float) - truth) <= np.spacing(np.abs(truth)) + 6e-8).all()


def test_ties_go_outwards() -> None:
    halves = np.abs(ALL[np.isfinite(ALL)]).astype(np.float32)
    halves = np.unique(halves[(halves >= 2**-14) & (halves < 30000)])
    upper = halves[1:][: len(halves) // 100 * 100 - 100].reshape(100, -1)
    between = ((halves[1:] + halves[:-1]) / 2)[: upper.size].reshape(100, -1)
    assert narrowed(between).tobytes() == upper.astype(np.float16).tobytes()
    assert narrowed(-between).tobytes() == (-upper).astype(np.float16).tobytes()


def test_rows_are_scaled_on_the_way() -> None:
    rows = np.random.default_rng(1).normal(size=(6, 40)).astype(np.float32)
    factors = np.float32(2.0) ** np.arange(-3, 3, dtype=np.float32)
    assert narrowed(rows, factors).tobytes() == (rows * factors[:, None]).astype(np.float16).tobytes()


def test_a_product_of_matrices_comes_on_top() -> None:
    random = np.random.default_rng(2)
    rows, weights = random.normal(size=(50, 64)).astype(np.float32), random.normal(size=(50, 2))
    vectors, factors = random.normal(size=(2, 64)).astype(np.float32), random.uniform(0.5, 2, 50)
    half = np.empty(rows.shape, np.float16)
    narrow(rows.copy(), factors, half, np.empty(rows.shape, np.int32), (weights, vectors))
    np.testing.assert_allclose(half, rows * factors[:, None] + weights @ vectors, rtol=6e-4, atol=2e-5)
