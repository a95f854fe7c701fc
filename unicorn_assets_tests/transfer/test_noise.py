"""Noise hits its cosine and follows from the row's id, whatever is read beside it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import UserError
from unicorn_assets.transfer import noisy, sigma_of

ROWS = np.random.default_rng(0).normal(size=(400, 256))
ROWS /= np.linalg.norm(ROWS, axis=1, keepdims=True)
IDS = [f"c{i}" for i in range(len(ROWS))]


@pytest.mark.parametrize("cosine", [0.95, 0.7, 0.33])
def test_the_mean_cosine_is_the_one_asked_for(cosine: float) -> None:
    found = noisy(ROWS, IDS, cosine)
    np.testing.assert_allclose(np.linalg.norm(found.astype(float), axis=1), 1, atol=1e-6)
    # One row's cosine scatters by about 1 / sqrt(d).
    assert np.einsum("ij,ij->i", found, ROWS).mean() == pytest.approx(cosine, abs=4 / np.sqrt(256 * 400) + 0.005)


def test_the_published_variance_has_the_published_cosines() -> None:
    assert sigma_of(0.33, 512) ** 2 == pytest.approx(0.016, rel=0.02)
    assert sigma_of(0.2157, 1280) ** 2 == pytest.approx(0.016, rel=0.02)


@settings(max_examples=15)
@given(st.permutations(range(12)), st.integers(1, 12))
def test_batches_and_their_order_do_not_matter(order: list[int], size: int) -> None:
    whole = noisy(ROWS[:12], IDS[:12], 0.7, seed=3, draw=2)
    for start in range(0, 12, size):
        part = order[start : start + size]
        assert noisy(ROWS[part], [IDS[i] for i in part], 0.7, seed=3, draw=2).tobytes() == whole[part].tobytes()


def test_seed_draw_and_id_each_give_other_noise() -> None:
    rows = ROWS[:1]
    found = [
        noisy(rows, ["a"], 0.7),
        noisy(rows, ["a"], 0.7, 1),
        noisy(rows, ["a"], 0.7, 0, 1),
        noisy(rows, ["b"], 0.7),
    ]
    for number, one in enumerate(found):
        for other in found[number + 1 :]:
            # Two independent draws share only the row itself: their cosine is the square of 0.7.
            assert float((one @ other.T).item()) == pytest.approx(0.49, abs=0.25)
    assert noisy(rows, ["a"], 1.0).tobytes() == rows.astype(np.float32).tobytes()


def test_impossible_cosines_are_refused() -> None:
    for cosine in (0.0, -0.2, 1.1):
        with pytest.raises(UserError, match="noise cosine"):
            noisy(ROWS, IDS, cosine)
