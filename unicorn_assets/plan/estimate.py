"""From a sample to all rows that are left: expected values with 95 % intervals.

Rubin's Bayesian bootstrap, carried to the rows that are left: draw how likely each sampled row is among them
(Dirichlet), then how often it occurs (multinomial). So the interval holds both what a small sample does not know and
what few rows leave to chance. The share of accepted seeds has Jeffreys' prior (beta 1/2, 1/2), so that 20 of 20 do not
promise that all are accepted; likewise half a row that needed all its drafts is added to each stage's sample, so that
three rows of one draft do not promise that one always suffices. Arithmetic only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.ids import seed_of
from unicorn_assets.plan.left import Left
from unicorn_assets.plan.sample import USED, StageSample
from unicorn_assets.recipe import Recipe

REPLICATES = 2000
INTERVAL = (2.5, 97.5)  # percentiles

Draws = NDArray[np.float64]  # one value per replicate


@dataclass(frozen=True)
class Range:
    """An expected value and its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: Draws) -> "Range":
        """Mean and percentiles of replicates."""
        low, high = np.percentile(draws, INTERVAL)
        return cls(float(draws.mean()), float(low), float(high))


@dataclass
class Rest:
    """Replicates of what a stage still needs: `rows` to ask, and each of USED, of that also the part of further
    requests with a budget of their `own`; `sampled` rows stand behind it.
    """

    rows: Draws
    used: dict[str, Draws]
    own: dict[str, Draws]
    sampled: int

    @classmethod
    def of(cls, rows: NDArray[np.int64], sample: StageSample, max_drafts: int, rng: np.random.Generator) -> "Rest":
        """For these numbers of rows like those of the sample."""
        used, own = _totals(sample, rows, max_drafts, rng)
        return cls(rows.astype(float), used, own, sample.rows)

    def cut(self, share: Draws) -> None:
        """Of the requests with a budget of their own only this share is made."""
        for name, draws in self.own.items():
            self.used[name] = self.used[name] - draws * (1 - share)


def estimate(recipe: Recipe, left: Mapping[str, Left], samples: Mapping[str, StageSample]) -> dict[str, Rest]:
    """Each stage's rest. A stage with rows but without a sample is left out: nothing is known of it."""
    rng = np.random.default_rng(seed_of("plan", recipe.name))
    drafts = samples["caption_drafts"]
    seeds = np.full(REPLICATES, left["caption_drafts"].rest)
    found = {"caption_drafts": Rest.of(seeds, drafts, recipe.llm.max_drafts, rng)}
    good = (drafts.accepted if drafts.kept is None else drafts.kept) * drafts.rows
    share = rng.beta(good + 0.5, drafts.rows - good + 0.5, REPLICATES)
    captions = rng.binomial(seeds, share)
    chances = recipe.instructions.shares()
    chosen = rng.multinomial(captions, [*chances.values(), max(0.0, 1 - sum(chances.values()))])
    for column, task in enumerate(chances):
        rows = chosen[:, column] + left[task].rest
        if samples[task].rows or not rows.any():
            found[task] = Rest.of(rows, samples[task], recipe.llm.max_drafts, rng)
    return found


def _totals(
    sample: StageSample, rows: NDArray[np.int64], max_drafts: int, rng: np.random.Generator
) -> tuple[dict[str, Draws], dict[str, Draws]]:
    n = sample.rows
    if n == 0:
        return {name: np.zeros(REPLICATES) for name in USED}, {}
    # With this concentration the spread of a mean is that of Student's t, as a small sample deserves.
    concentration = max(n * (n - 3) / (n - 1) - 1, 0.3) if n > 1 else 0.3
    both = np.hstack([sample.used, sample.own]) if sample.own.any() else sample.used
    mean = np.average(both, axis=0, weights=sample.weights)
    worst = mean * max(1.0, max_drafts / mean[USED.index("calls")])
    weights = np.append(sample.weights, 0.5 * sample.weights.mean())
    parameters = np.maximum(concentration * weights / weights.sum(), 1e-3)
    counts = rng.multinomial(rows, rng.dirichlet(parameters, REPLICATES))
    totals = counts @ np.vstack([both, worst])
    parts = [dict(zip(USED, part.T, strict=True)) for part in np.split(totals, totals.shape[1] // len(USED), axis=1)]
    return parts[0], parts[1] if len(parts) > 1 else {}
