"""Rows that mean the same, against every pair compared in full."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.curation import meanings
from unicorn_assets.curation.meanings import Meanings


def rows_of(rng: np.random.Generator, rows: int, dimension: int, spread: float, zeros: int = 0) -> np.ndarray:
    """Unit rows about few middles, which share a direction as the vectors of real encoders do."""
    middles = rng.normal(size=(max(1, rows // 5), dimension)) + 2 * rng.normal(size=dimension)
    found = middles[rng.integers(0, len(middles), rows)] + spread * rng.normal(size=(rows, dimension))
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    found[rng.permutation(rows)[:zeros]] = 0
    return found.astype(np.float16)


def by_brute_force(vectors: np.ndarray, threshold: float) -> dict[int, list[tuple[int, float]]]:
    full = vectors.astype(np.float64)
    lengths = np.linalg.norm(full, axis=1)
    found: dict[int, list[tuple[int, float]]] = {}
    for row in range(len(full)):
        for other in range(row):
            if lengths[row] and lengths[other]:
                cosine = min(1.0, round(float(full[row] @ full[other] / (lengths[row] * lengths[other])), 6))
                if cosine >= threshold:
                    found.setdefault(row, []).append((other, cosine))
    return found


def by_sketches(vectors: np.ndarray, threshold: float, cuts: list[int], batch: int = 512) -> dict:
    parts = np.split(vectors, sorted(cuts))
    search = Meanings([lambda part=part: part for part in parts], len(vectors), threshold)
    found = {}
    for start in range(0, len(vectors), batch):
        rows = np.arange(start, min(len(vectors), start + batch))
        found |= search.alike(rows, np.ones(len(vectors), bool))
    search.close()
    return found


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([3, 64, 65, 200]), st.sampled_from([0.1, 0.5, 1.5]),
    st.floats(0.05, 1.0), st.lists(st.integers(0, 60), max_size=3), st.integers(1, 60),
)  # fmt: skip
def test_every_pair_that_reaches_the_threshold_is_found_and_no_other(
    seed, rows, dimension, spread, threshold, cuts, batch
):
    vectors = rows_of(np.random.default_rng(seed), rows, dimension, spread, zeros=rows // 9)
    wanted = by_brute_force(vectors, threshold)
    found = by_sketches(vectors, threshold, [min(cut, rows) for cut in cuts], batch)
    assert {row: [other for other, _ in others] for row, others in found.items()} == {
        row: [other for other, _ in others] for row, others in wanted.items()
    }
    for row, others in found.items():
        assert dict(others) == pytest.approx(dict(wanted[row]), abs=2e-6)


def test_more_rows_than_are_compared_at_a_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(meanings, "_COLUMNS", 32)
    monkeypatch.setattr(meanings, "_IN_FULL", 16)
    vectors = rows_of(np.random.default_rng(3), 200, 96, 0.4)
    wanted, found = by_brute_force(vectors, 0.9), by_sketches(vectors, 0.9, [70], 50)
    assert len(wanted) > 50
    assert {row: [o for o, _ in others] for row, others in found.items()} == {
        row: [o for o, _ in others] for row, others in wanted.items()
    }


def test_only_those_that_may_count_and_whether_there_is_any():
    vectors = np.eye(4, dtype=np.float16)[[0, 1, 0, 0, 1]]
    search = Meanings([lambda: vectors], 5, 0.9)
    may = np.array([False, True, True, True, True])
    assert search.alike(np.arange(5), may) == {3: [(2, 1.0)], 4: [(1, 1.0)]}
    assert search.any_earlier(np.array([3]), np.array([4, 2]))
    assert not search.any_earlier(np.array([3]), np.array([4, 1]))
    assert not search.any_earlier(np.array([3]), np.empty(0, np.int64))
    search.close()


def test_nothing_and_zeros_are_like_nothing():
    for vectors in (np.empty((0, 0), np.float16), np.zeros((3, 8), np.float16)):
        search = Meanings([lambda vectors=vectors: vectors], len(vectors), 0.1)
        assert search.alike(np.arange(len(vectors)), np.ones(len(vectors), bool)) == {}
        search.close()
