"""A measured value with its 95 % interval, and the three ways by which this room comes to intervals.

* Means over rows, and means over pairs of different rows: the bootstrap (Efron 1979). Rows are drawn with replacement,
  as counts; a row's pairs with its own copies are left out, or they would pass for perfect neighbours.
* Shares of right answers: Wilson's score interval (1927), honest at 0 and 1, where a bootstrap has no width.
* Functions of covariances: the delete-a-group jackknife (Kott 2001), because resampled rows repeat and repeated rows
  shrink ranks. It also takes out the part of the bias that falls like 1 / rows.
All are seeded. Not here: which metric takes which.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.vectors.rows import Float64

RESAMPLES = 500  # of a bootstrap
GROUPS = 10  # of a jackknife
_Z = 1.959964  # 97.5 % point of the normal distribution
_T = 2.262157  # 97.5 % point of Student's t with GROUPS - 1 degrees of freedom


@dataclass(frozen=True)
class Estimate:
    """A metric's value and the ends of its 95 % interval, low <= value <= high.

    `plain` is what the formula gives for these very rows, where `value` is corrected for the bias of small samples.
    """

    value: float
    low: float
    high: float
    plain: float | None = None

    def to_dict(self) -> dict[str, float]:
        """For JSON."""
        found = {"value": self.value, "low": self.low, "high": self.high}
        return found if self.plain is None else found | {"plain": self.plain}


def around(value: float, low: float, high: float, limits: tuple[float, float], plain: float | None = None) -> Estimate:
    """An Estimate within the metric's own limits; it holds its value, whatever resampling said."""
    value, low, high = (float(np.clip(number, *limits)) for number in (value, low, high))
    return Estimate(value, min(low, value), max(high, value), plain)


def counts(n: int, seed: int, resamples: int = RESAMPLES) -> Float64:
    """(resamples, n) how often each of n rows was drawn with replacement, n draws each."""
    return np.random.default_rng([seed, n]).multinomial(n, np.full(n, 1 / n), resamples).astype(np.float64)


def mean_of(values: Float64, drawn: Float64, limits: tuple[float, float]) -> Estimate:
    """The mean over rows, percentile bootstrap over `drawn` (resamples, rows)."""
    return percentile(float(values.mean()), drawn @ values / len(values), limits)


def percentile(value: float, resampled: Float64, limits: tuple[float, float], plain: float | None = None) -> Estimate:
    """From the value and its resampled copies."""
    low, high = np.percentile(resampled, (2.5, 97.5))
    return around(value, float(low), float(high), limits, plain)


def mean_over_pairs(rows: Float64, drawn: Float64) -> Float64:
    """(resamples,) mean cosine over pairs of different unit rows, without their (rows, rows) matrix.

    From |sum of w v|^2 = sum over i, j of w_i w_j cos_ij and cos_ii = 1; for w = 1 it is (N |mu|^2 - 1) / (N - 1).
    """
    total = drawn @ rows
    own = np.sum(drawn**2, axis=1)
    found: Float64 = (np.sum(total**2, axis=1) - own) / (np.sum(drawn, axis=1) ** 2 - own)
    return found


def share_of(right: NDArray[np.bool_]) -> Estimate:
    """The share of true values, with Wilson's score interval."""
    n, share = len(right), float(right.mean())
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
    return around(share, middle - half, middle + half, (0.0, 1.0))


def groups(n: int, seed: int) -> NDArray[np.intp]:
    """(n,) the group of each row, GROUPS of nearly equal size."""
    return np.random.default_rng([seed, n]).permutation(n) % GROUPS


def jackknife(
    full: Mapping[str, float], without: Sequence[Mapping[str, float]], limits: Mapping[str, tuple[float, float]]
) -> dict[str, Estimate]:
    """From values of all rows and values without each of the groups: bias-corrected, +- t standard errors."""
    g = len(without)
    found = {}
    for metric, plain in full.items():
        left = np.array([values[metric] for values in without])
        # Within its limits before the interval is laid around it: one cut off at 0 would have no width there.
        value = float(np.clip(g * plain - (g - 1) * float(left.mean()), *limits[metric]))
        error = float(np.sqrt((g - 1) / g * np.sum((left - left.mean()) ** 2)))
        found[metric] = around(value, value - _T * error, value + _T * error, limits[metric], plain)
    return found
