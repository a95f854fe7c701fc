"""The two parts: disjoint, complete, fixed by the seed; pairs stay pairs where they are judged and only there."""

import numpy as np
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.gap.split import refitting, split
from unicorn_assets.transfer import METHODS, fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics


def numbered(first: int, n: int) -> np.ndarray:
    return np.stack([np.arange(first, first + n), np.ones(n)], axis=1).astype(np.float32)


def test_every_row_is_in_one_part_and_pairs_stay_together() -> None:
    pairs = numbered(0, 51), numbered(1000, 51)
    statistics, held = split(numbered(0, 43), numbered(0, 60), pairs, seed=1)
    for side, n in (("text", 43), ("images", 60)):
        both = np.concatenate([getattr(statistics, side), getattr(held, side)])
        assert sorted(both[:, 0]) == list(range(n))
    assert held.pairs is not None
    assert statistics.pairs is not None
    assert (held.pairs[0][:, 0] + 1000 == held.pairs[1][:, 0]).all()
    assert sorted(statistics.pairs[0][:, 0] + 1000) == sorted(statistics.pairs[1][:, 0])
    assert (statistics.pairs[0][:, 0] + 1000 != statistics.pairs[1][:, 0]).any()
    again, other = (split(numbered(0, 43), numbered(0, 60), pairs, seed=s)[1] for s in (1, 2))
    assert (again.text == held.text).all()
    assert (other.text != held.text).any()


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(UserError, match="image vectors: 19 rows are too few"):
        split(numbered(0, 20), numbered(0, 19))
    with pytest.raises(UserError, match="30 paired texts but 29 paired images"):
        split(numbered(0, 20), numbered(0, 20), (numbered(0, 30), numbered(0, 29)))


@pytest.mark.parametrize("method", METHODS)
def test_the_same_method_is_fitted_on_other_rows(method: str) -> None:
    space = Space("test", "1", 5)
    rng = np.random.default_rng(0)
    text, images, others = (rng.normal(size=(60, 5)) + shift for shift in (1, 2, 3))
    first = fit(method, 3, Statistics(space).add(images), lambda: [text], space=space, noise_cosine=0.5)
    again = refitting(first)(text, images)
    assert again.apply(text) == pytest.approx(first.apply(text), abs=1e-6)
    assert (again.method, again.passes, again.noise_cosine) == (method, first.passes, first.noise_cosine)
    if method != "none":
        elsewhere = refitting(first)(others, images)
        assert np.abs(elsewhere.apply(text) - first.apply(text)).max() > 0.01
