"""Steps on rows, summed and written, against plain float64 formulas."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import UserError
from unicorn_assets.vectors import kernel_code, kernels
from unicorn_assets.vectors.plain_steps import Steps, walk
from unicorn_assets.vectors.walk import sum_of, write

TYPES = [np.float16, np.float32, np.float64]


def reference(rows: np.ndarray, steps: Steps) -> np.ndarray:
    rows = rows.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for scale, shift in steps:
        rows = scale * rows + shift
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def some_steps(rng: np.random.Generator, count: int, dimension: int) -> list[tuple[float, np.ndarray]]:
    return [(float(rng.uniform(0.5, 2)), rng.normal(size=dimension) * 1.5 / np.sqrt(dimension)) for _ in range(count)]


@settings(max_examples=30)
@given(
    st.integers(0, 10_000),
    st.integers(0, 3),
    st.integers(0, 40),
    st.sampled_from([1, 7, 12, 64, 129]),
    st.sampled_from(TYPES),
)
def test_sums_and_rows_follow_the_formula(seed: int, count: int, n: int, d: int, kind: type) -> None:
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(n, d)) * rng.uniform(0.2, 3)).astype(kind)
    rows[(rows**2).sum(axis=1) == 0] = 1
    steps = some_steps(rng, count, d)
    truth = reference(rows, steps)
    # In one dimension a step may leave next to nothing, where half of the digits are lost.
    loss = 1.0 if d > 1 else 1e4
    np.testing.assert_allclose(sum_of(rows, steps, "texts"), truth.sum(axis=0), atol=1e-10 * loss)
    for target, allowed in ((np.float16, 6e-4), (np.float32, 1e-7)):
        found = np.full(rows.shape, np.nan, target)
        write(rows, steps, found, "texts")
        np.testing.assert_allclose(found, truth, rtol=allowed, atol=allowed / 50 * loss)
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    moved = rows.astype(np.float64)
    after, _ = walk(moved, lengths, steps)
    np.testing.assert_allclose(moved / after[:, None], truth, atol=1e-9 * loss)


@pytest.mark.parametrize("kind", TYPES)
def test_a_rows_result_does_not_depend_on_its_neighbours(kind: type) -> None:
    rng = np.random.default_rng(3)
    steps = some_steps(rng, 2, 100)
    rows = rng.normal(size=(9, 100))
    rows[4] = -steps[0][1] / steps[0][0] / np.linalg.norm(steps[0][1]) * steps[0][0]  # next to nothing is left of it
    whole = np.empty((9, 100), np.float32)
    write(rows.astype(kind), steps, whole, "texts")
    for first in range(9):
        one = np.empty((1, 100), np.float32)
        write(rows[first : first + 1].astype(kind), steps, one, "texts")
        assert one.tobytes() == whole[first : first + 1].tobytes()


def test_rows_that_nearly_vanish_are_counted_with_all_digits() -> None:
    rng = np.random.default_rng(4)
    near = rng.normal(size=(1, 40))
    near /= np.linalg.norm(near)
    rows = np.concatenate([near + 1e-4 * rng.normal(size=(5, 40)), rng.normal(size=(5, 40))])
    steps = [(1.0, -near[0])]
    np.testing.assert_allclose(sum_of(rows, steps, "texts"), reference(rows, steps).sum(axis=0), atol=1e-9)


def test_rows_may_lie_anywhere_in_memory() -> None:
    rows = np.random.default_rng(5).normal(size=(20, 33)).astype(np.float16)
    memory = np.zeros(rows.nbytes + 1, np.uint8)
    memory[1:] = rows.view(np.uint8).reshape(-1)
    odd = memory[1:].view(np.float16).reshape(rows.shape)
    assert sum_of(odd, (), "texts").tobytes() == sum_of(rows, (), "texts").tobytes()
    wide = np.repeat(rows, 2, axis=1)[:, ::2]
    assert sum_of(wide, (), "texts").tobytes() == sum_of(rows, (), "texts").tobytes()


@pytest.mark.parametrize("length", [1e150, 1e-150])
def test_very_long_and_very_short_rows_have_directions_too(length: float) -> None:
    np.testing.assert_allclose(sum_of(np.array([[3.0, 4.0]]) * length, (), "texts"), [0.6, 0.8])


@pytest.mark.parametrize("length", [1e200, 1e-200])
def test_rows_beyond_that_are_refused(length: float) -> None:
    with pytest.raises(UserError, match="row 0 is too long or too short to be scaled"):
        sum_of(np.array([[3.0, 4.0]]) * length, (), "texts")


def test_each_half_is_read_as_it_is() -> None:
    """Every finite half but zero, as a row of one number: its unit vector is its sign."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves) & (halves != 0)].reshape(-1, 1)
    found = np.empty(halves.shape, np.float16)
    write(halves, (), found, "texts")
    assert (found == np.sign(halves)).all()


def test_halves_are_rounded_as_numpy_rounds() -> None:
    """Rows of unit length already, so that only the rounding is left."""
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(300, 300))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    single, half = np.empty(rows.shape, np.float32), np.empty(rows.shape, np.float16)
    write(rows, (), single, "texts")
    write(rows, (), half, "texts")
    assert half.tobytes() == single.astype(np.float16).tobytes()


def test_a_processor_without_halves_gets_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    rows, steps = rng.normal(size=(30, 50)).astype(np.float16), some_steps(rng, 2, 50)
    truth = reference(rows, steps)
    monkeypatch.setattr(kernel_code, "knows_halves", lambda: False)
    found = np.empty(rows.shape, np.float16)
    write(rows, steps, found, "texts")
    np.testing.assert_allclose(found, truth, rtol=6e-4, atol=1e-5)
    np.testing.assert_allclose(sum_of(rows, steps, "texts"), truth.sum(axis=0), atol=1e-10)


@pytest.mark.parametrize("kind", TYPES)
def test_faulty_rows_are_named(kind: type) -> None:
    for value, fault in ((np.nan, "NaN"), (np.inf, "Inf"), (0, "all zero")):
        rows = np.ones((6, 5), kind)
        rows[3] = value
        with pytest.raises(UserError, match=rf"texts: row 10 \(id d\).*{fault}"):
            sum_of(rows, (), "texts", list("abcdef"), 7)
        with pytest.raises(UserError, match=rf"texts: row 10 \(id d\).*{fault}"):
            write(rows, (), np.empty(rows.shape, np.float32), "texts", list("abcdef"), 7)


def test_a_row_that_vanishes_is_named() -> None:
    rows = np.eye(3)
    with pytest.raises(UserError, match=r"texts: row 8 \(id b\) equals the mean"):
        sum_of(rows, [(1.0, -rows[1])], "texts", ["a", "b", "c"], 7)
    with pytest.raises(UserError, match=r"texts: row 8 \(id b\) equals the mean"):
        write(rows, [(1.0, -rows[1])], np.empty((3, 3), np.float16), "texts", ["a", "b", "c"], 7)


def test_a_missing_compiler_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    monkeypatch.setattr(kernels, "_made", {})
    kernel_code._library.cache_clear()
    try:
        kernels.prepare((2, 0, 0))  # in the background, where nobody would see a traceback
        with pytest.raises(UserError, match=r"llvmlite.*not installed"):
            sum_of(np.ones((3, 4)), (), "texts")
    finally:
        kernel_code._library.cache_clear()
