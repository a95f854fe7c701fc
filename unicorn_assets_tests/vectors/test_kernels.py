"""The compiled loops against the same in plain numpy: any type, any number of steps, faulty rows among good ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.vectors.kernel_code import SHORT
from unicorn_assets.vectors.kernels import sum_after, write_after
from unicorn_assets.vectors.plain_steps import walk

FAULTS = (np.nan, np.inf, -np.inf, 0.0)


def in_numpy(rows: np.ndarray, scales: np.ndarray, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows after the steps, their squared lengths before, their least length after a step), all in float64."""
    wide = rows.astype(np.float64)
    squares = np.vecdot(wide, wide)
    after, least = walk(wide, np.sqrt(squares), list(zip(scales, shifts, strict=True)))
    return wide / after[:, None], squares, least


@settings(max_examples=60)
@given(
    st.integers(0, 10_000), st.integers(0, 3), st.integers(0, 40), st.sampled_from([2, 7, 64, 129]),
    st.sampled_from([np.float16, np.float32, np.float64]), st.sampled_from([np.float16, np.float32]),
    st.lists(st.tuples(st.integers(0, 39), st.sampled_from(FAULTS)), max_size=3),
)  # fmt: skip
def test_kernels_do_what_numpy_does(
    seed: int, count: int, n: int, d: int, kind: type, target: type, faults: list[tuple[int, float]]
) -> None:
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(n, d)) + 0.1).astype(kind)
    for row, fault in faults:
        rows[row : row + 1] = fault
    scales, shifts = rng.uniform(0.5, 2, count), rng.normal(size=(count, d)) * 1.5 / np.sqrt(d)
    with np.errstate(all="ignore"):
        truth, squares, least = in_numpy(rows, scales, shifts)
    good = np.isfinite(squares) & (squares > 0) & (least >= SHORT)

    total, lengths = sum_after(rows, scales, shifts)
    clear = ~np.isclose(least, SHORT, rtol=1e-3)  # on the border either may be right
    assert (lengths.left_out == ~good)[clear].all()
    good = ~lengths.left_out
    finite = np.isfinite(squares)
    if finite.all():  # else the sum is not a number, and the row is refused
        np.testing.assert_allclose(total, truth[good].sum(axis=0), atol=1e-9)
    np.testing.assert_allclose(lengths.squares[good], squares[good], rtol=1e-12)
    np.testing.assert_allclose(lengths.least[good], least[good], rtol=1e-7)

    moved = np.full(rows.shape, np.nan, target)
    written = write_after(rows, scales, shifts, moved)
    assert (written.left_out == lengths.left_out).all()
    assert not moved[~good & finite].any()
    allowed = 6e-4 if target == np.float16 else 1e-6
    np.testing.assert_allclose(moved[good], truth[good], rtol=allowed, atol=allowed / 50)


def test_a_result_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="contiguous matrix"):
        write_after(np.ones((3, 4)), np.empty(0), np.empty((0, 4)), np.empty((3, 8), np.float16)[:, ::2])
