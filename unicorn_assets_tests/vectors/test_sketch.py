"""The mergeable sample: uniform, the same in any order and grouping, never larger than it may be."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.vectors.sketch import Sketch


def cloud(seed: int, n: int, d: int = 6, dtype: type = np.float16) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(dtype)


def bytes_of(sketch: Sketch) -> list[bytes]:
    return [array.tobytes() for array in sketch.tensors().values()]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 120), min_size=1, max_size=8), st.integers(1, 60))
def test_order_and_grouping_change_nothing(seed: int, sizes: list[int], size: int) -> None:
    parts = [cloud(seed + i, n) for i, n in enumerate(sizes)]
    whole = Sketch(6, size)
    whole.add(np.concatenate(parts))
    merged = Sketch(6, size)
    for i in np.random.default_rng(seed).permutation(len(parts)):
        one = Sketch(6, size)
        one.add(parts[i])
        merged.merge(one)
    assert bytes_of(whole) == bytes_of(merged)
    assert len(whole.rows) == min(size, sum(sizes))
    everything = {row.tobytes() for part in parts for row in part}
    assert all(row.tobytes() in everything for row in whole.rows)


def test_every_row_has_the_same_chance() -> None:
    rows = cloud(0, 20_000)
    rows[:, 0] += np.arange(20_000) / 10_000  # a trend that a biased sample would show
    found = []
    for seed in range(40):
        sketch = Sketch(6, 500)
        sketch.add(rows[np.random.default_rng(seed).permutation(20_000)[:10_000]])
        found.append(float(sketch.rows[:, 0].astype(float).mean()))
    spread = float(rows[:, 0].astype(float).std()) / np.sqrt(500)
    assert abs(np.mean(found) - rows[:, 0].astype(float).mean()) < 3 * spread / np.sqrt(5)


def test_equal_rows_stay_or_go_together() -> None:
    sketch = Sketch(6, 10)
    sketch.add(np.repeat(cloud(1, 9), 5, axis=0))
    _, counts = np.unique(sketch.rows, axis=0, return_counts=True)
    assert len(sketch.rows) == 10
    assert (counts == 5).all()


def test_parts_with_smaller_samples_still_make_a_uniform_one() -> None:
    parts = [cloud(i, 300) for i in range(20)]
    whole = Sketch(6, 1000)
    for part in parts:
        one = Sketch(6, 30)
        one.add(part)
        whole.merge(one)
    everything = Sketch(6, len(whole.rows))
    everything.add(np.concatenate(parts))
    assert 200 < len(whole.rows) <= 600
    assert bytes_of(whole)[:1] == bytes_of(everything)[:1]


def test_a_part_without_a_sample_leaves_none_for_the_whole() -> None:
    sketch = Sketch(6, 10)
    sketch.add(cloud(2, 20))
    sketch.merge(Sketch(6, 0))
    assert len(sketch.rows) == 0
    assert sketch.tensors() == {}
