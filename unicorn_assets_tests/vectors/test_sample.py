"""The sample is uniform over the whole stream and does not depend on how the stream is cut."""

import numpy as np

from unicorn_assets.vectors.sample import Sample


def numbered(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.float32)[:, None]


def test_every_row_has_the_same_chance() -> None:
    taken = np.zeros(60)
    for seed in range(2000):
        sample = Sample(15, seed)
        for part in np.array_split(numbered(60), 4):
            sample.add(part)
        assert len(sample.rows) == 15
        taken[sample.rows[:, 0].astype(int)] += 1
    # Each row is expected 500 times with a standard deviation of 19.
    assert taken.min() > 400
    assert taken.max() < 600


def test_cuts_change_nothing_and_few_rows_stay_as_they_are() -> None:
    whole = Sample(20).add(numbered(500)).rows
    cut = Sample(20)
    for part in np.array_split(numbered(500), 13):
        cut.add(part)
    np.testing.assert_array_equal(cut.rows, whole)
    assert (np.diff(whole[:, 0]) > 0).all()
    np.testing.assert_array_equal(Sample(20).add(numbered(7)).rows, numbered(7))
