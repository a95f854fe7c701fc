"""Intervals on cases with a known answer."""

import numpy as np
import pytest

from tools.proof.figures import figures, headline, interval, table


def test_what_never_varies_has_no_width() -> None:
    assert interval(np.full((3, 8), 0.25), list("aabbccdd")) == (0.25, 0.25, 0.25)
    one_family = interval(np.tile([1.0, 0.0], (3, 2)), ["a"] * 4)
    assert one_family == (0.5, 0.5, 0.5), "pictures of one family are drawn together"


def test_as_wide_as_the_families_and_the_seeds_make_it() -> None:
    rng = np.random.default_rng(1)
    answers = rng.integers(0, 2, (1, 400)).astype(float)
    found = interval(np.repeat(answers, 3, axis=0), [str(number) for number in range(400)], 2000)
    expected = 1.96 * 0.5 / 400**0.5
    assert found.high - found.mean == pytest.approx(expected, rel=0.1)
    assert found.mean - found.low == pytest.approx(expected, rel=0.1)
    twice = interval(np.repeat(answers, 2, axis=1), [str(number // 2) for number in range(800)], 2000)
    assert twice.high - twice.mean == pytest.approx(expected, rel=0.1), "twice the same says nothing more"
    seeds = interval(np.array([[0.0] * 9, [0.5] * 9, [1.0] * 9]), list("abcdefghi"), 2000)
    assert (seeds.low, seeds.high) == (0, 1), "all the difference is between seeds"


def test_figures_are_paired_and_the_share_counts_from_none_to_real_images() -> None:
    hard = np.random.default_rng(2).random((2, 300)) < 0.5
    right = {"none": hard * 1.0, "c3": np.ones((2, 300)), "real_images": np.ones((2, 300)), "shuffled": hard * 1.0}
    right["c3"][:, :150] = hard[:, :150]
    found = figures(right, [str(number) for number in range(300)], 500)
    gained = right["c3"].mean() - right["none"].mean()
    assert found["best_minus"]["none"].mean == pytest.approx(gained)
    assert found["share_of_the_way"] == pytest.approx(gained / (1 - right["none"].mean()))
    unpaired = found["accuracy"]["none"].high - found["accuracy"]["none"].low
    assert found["best_minus"]["none"].high - found["best_minus"]["none"].low < unpaired
    keys = headline(found)
    assert keys == {f"proof_transfer_minus_{name}": found["best_minus"][name].low for name in ("none", "shuffled")}
    assert "| none | " in table({"trained": found, "held_out": found})
