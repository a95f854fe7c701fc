"""Statistics against plain float64 references; merging gives the same bytes in any order."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import UserError
from unicorn_assets.vectors import blocks, statistics
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

SPACE = Space("test", "1", 12)


def cloud(seed: int, n: int, d: int = 12, dtype: type = np.float16) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) * np.linspace(0.2, 1.5, d) + rng.normal(size=d)).astype(dtype)


def reference(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance by numpy's own functions on longer floats where there are any."""
    long = rows.astype(np.longdouble)
    units = long / np.sqrt((long**2).sum(axis=1, keepdims=True))
    return units.mean(axis=0).astype(float), np.cov(units.astype(float), rowvar=False, bias=True)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_moments_equal_the_reference(dtype: type) -> None:
    rows = cloud(0, 30_000, dtype=dtype)
    found = Statistics(SPACE, covariance=True).add(rows)
    mean, covariance = reference(rows)
    assert found.n == len(rows)
    assert np.linalg.norm(found.mean - mean) <= 1e-9 * np.linalg.norm(mean)
    assert found.covariance is not None
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-10)


def test_the_trace_of_unit_vectors_is_one_minus_the_squared_mean() -> None:
    rows = cloud(1, 5000)
    found = Statistics(SPACE, covariance=True).add(rows)
    assert found.trace == pytest.approx(np.trace(reference(rows)[1]), abs=1e-10)
    assert found.trace == pytest.approx(np.trace(found.covariance), abs=1e-9)


def test_the_standard_error_is_the_scatter_of_means() -> None:
    rows = cloud(2, 200_000)
    mean = Statistics(SPACE).add(rows).mean
    parts = [Statistics(SPACE).add(part) for part in np.split(rows, 400)]
    scatter = np.sqrt(np.mean([np.sum((part.mean - mean) ** 2) for part in parts]))
    assert np.mean([part.standard_error for part in parts]) == pytest.approx(scatter, rel=0.05)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 300), min_size=1, max_size=7), st.booleans())
def test_any_order_and_grouping_gives_the_same_bytes(seed: int, sizes: list[int], covariance: bool) -> None:
    shards = [cloud(seed + i, n) for i, n in enumerate(sizes)]
    forward = Statistics(SPACE, covariance)
    for shard in shards:
        forward.add(shard)
    parts = [Statistics(SPACE, covariance).add(shard) for shard in shards]
    shuffled = random.Random(seed)
    while len(parts) > 1:
        shuffled.shuffle(parts)
        parts.append(parts.pop().merge(parts.pop()))
    assert parts[0].to_bytes() == forward.to_bytes()


def test_other_cuts_into_shards_move_the_sum_by_less_than_a_unit_per_shard() -> None:
    rows = cloud(3, 1000)
    whole = Statistics(SPACE).add(rows)
    by_one = Statistics(SPACE)
    for i in np.random.default_rng(0).permutation(len(rows)):
        by_one.add(rows[i : i + 1])
    np.testing.assert_allclose(by_one.sum, whole.sum, rtol=0, atol=1000 * statistics.QUANTUM)
    np.testing.assert_array_equal(by_one.sample, whole.sample)


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = cloud(8, 100_000, 24)
    space = Space("test", "1", 24)
    found = set()
    for count in (1, 2, 5):
        monkeypatch.setattr(blocks, "threads", lambda count=count: count)
        found.add(Statistics(space, covariance=True).add(rows).to_bytes())
    assert len(found) == 1


def test_bytes_and_back() -> None:
    found = Statistics(SPACE, covariance=True).add(cloud(4, 500))
    back = Statistics.from_bytes(found.to_bytes())
    assert back.to_bytes() == found.to_bytes()
    assert back.space == SPACE
    np.testing.assert_array_equal(back.mean, found.mean)
    for damaged in (b"", b"x" * 50, found.to_bytes()[:-9]):
        with pytest.raises(UserError, match="statistics"):
            Statistics.from_bytes(damaged)


def test_moments_alone_make_the_same_statistics() -> None:
    rows = cloud(5, 800)
    found = Statistics(SPACE, covariance=True).add(rows)
    made = Statistics.from_moments(SPACE, 800, *reference(rows))
    np.testing.assert_allclose(made.mean, found.mean, atol=1e-12)
    np.testing.assert_allclose(made.covariance, found.covariance, atol=1e-9)


def test_mixed_encoders_and_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Statistics(SPACE).add(cloud(6, 10))
    with pytest.raises(UserError, match="come from other"):
        found.merge(Statistics(Space("other", "1", 12)))
    with pytest.raises(UserError, match="no vectors"):
        _ = Statistics(SPACE).mean
    monkeypatch.setattr(statistics, "MAX_ROWS", 15)
    with pytest.raises(UserError, match="more than 15 vectors"):
        found.merge(Statistics(SPACE).add(cloud(7, 6)))
