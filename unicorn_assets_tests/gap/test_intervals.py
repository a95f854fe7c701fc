"""Intervals against closed forms, loops and what they promise."""

import numpy as np
import pytest

from unicorn_assets.gap.intervals import (
    GROUPS,
    around,
    counts,
    groups,
    jackknife,
    mean_of,
    mean_over_pairs,
    share_of,
)


def test_each_resample_draws_as_many_rows_as_there_are() -> None:
    drawn = counts(30, 0)
    assert (drawn.sum(axis=1) == 30).all()
    assert (drawn == counts(30, 0)).all()
    assert (drawn != counts(30, 1)).any()


def test_the_mean_of_normal_values_has_the_interval_that_theory_gives() -> None:
    values = np.random.default_rng(0).normal(3, 2, size=400)
    found = mean_of(values, counts(400, 0), (-10, 10))
    assert found.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / 20
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.2 * half)


def test_copies_of_a_row_are_not_its_neighbours() -> None:
    rows = np.random.default_rng(0).normal(size=(12, 4))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    drawn = counts(12, 0, resamples=3)
    for times, found in zip(drawn, mean_over_pairs(rows, drawn), strict=True):
        copies = np.repeat(np.arange(12), times.astype(int))
        cosines = [rows[i] @ rows[j] for i in copies for j in copies if i != j]
        assert found == pytest.approx(np.mean(cosines))
    n, mean = len(rows), rows.mean(axis=0)
    assert mean_over_pairs(rows, np.ones((1, n)))[0] == pytest.approx((n * mean @ mean - 1) / (n - 1))


def test_a_share_has_wilsons_interval_also_at_its_ends() -> None:
    # Wilson's interval for 0 of 10 is 0 to 0.2775, for 15 of 20 it is 0.5313 to 0.8881 (Newcombe 1998).
    none, all_of_them = share_of(np.zeros(10, bool)), share_of(np.ones(10, bool))
    assert (none.value, none.low, none.high) == pytest.approx((0, 0, 0.2775), abs=1e-4)
    assert (all_of_them.low, all_of_them.high) == pytest.approx((0.7225, 1), abs=1e-4)
    some = share_of(np.arange(20) < 15)
    assert (some.low, some.high) == pytest.approx((0.5313, 0.8881), abs=1e-4)


def test_the_jackknife_takes_out_what_falls_like_one_over_rows() -> None:
    n, truth, bias = 200, 0.7, 3.0
    full, left = {"m": truth + bias / n}, {"m": truth + bias / (n - n // GROUPS)}
    found = jackknife(full, [left] * GROUPS, {"m": (0, 1)})["m"]
    assert found.value == pytest.approx(truth)
    assert found.plain == full["m"]
    assert found.high - found.low == pytest.approx(0, abs=1e-9)


def test_the_jackknife_of_a_mean_has_the_standard_error_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(size=1000)
    group = groups(1000, 0)
    assert (np.bincount(group) == 100).all()
    without = [{"m": float(values[group != number].mean())} for number in range(GROUPS)]
    found = jackknife({"m": float(values.mean())}, without, {"m": (-9, 9)})["m"]
    by_groups = np.array([values[group == number].mean() for number in range(GROUPS)])
    error = by_groups.std(ddof=1) / np.sqrt(GROUPS)
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.value == pytest.approx(2.262157 * error)


def test_a_correction_below_a_limit_leaves_an_interval_with_width() -> None:
    left = [{"m": 0.02 + 0.0001 * number} for number in range(GROUPS)]
    found = jackknife({"m": 0.01}, left, {"m": (0, 4)})["m"]
    assert (found.value, found.low) == (0, 0)
    assert found.high > 0


def test_an_interval_holds_its_value_and_stays_within_limits() -> None:
    found = around(-0.2, -0.5, -0.1, (0.0, 1.0), plain=0.3)
    assert found.to_dict() == {"value": 0.0, "low": 0.0, "high": 0.0, "plain": 0.3}
    assert around(0.9, 0.1, 0.8, (0.0, 1.0)).high == 0.9
