"""From right and wrong to figures: accuracies, paired intervals, the table. Not here: asking."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.proof.size import BEST

DRAWS = 10_000
Right = NDArray[np.float64]
"""(seeds, questions): 1 where the answer was right; a tie of two counts a half."""


class Interval(NamedTuple):
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


def interval(values: Right, families: Sequence[str], draws: int = DRAWS) -> Interval:
    """The mean over questions and its interval: percentiles over draws of families and of seeds, with replacement."""
    names, family = np.unique(np.array(families), return_inverse=True)
    sums = np.stack([np.bincount(family, row, len(names)) for row in values])
    sizes = np.bincount(family, minlength=len(names)).astype(float)
    rng = np.random.default_rng(0)
    of_families = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), draws)
    of_seeds = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), draws) / len(values)
    means = ((of_seeds @ sums) * of_families).sum(1) / (of_families @ sizes)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def figures(right: Mapping[str, Right], families: Sequence[str], draws: int = DRAWS) -> dict[str, Any]:
    """Of one part of the questions: accuracy by condition, differences to the best method, share of the way."""
    found: dict[str, Any] = {"accuracy": {name: interval(rows, families, draws) for name, rows in right.items()}}
    best = right.get(BEST)
    if best is None:
        return found
    found["best_minus"] = {
        name: interval(best[: len(rows)] - rows[: len(best)], families, draws)
        for name, rows in right.items()
        if name != BEST
    }
    if "none" in right and "real_images" in right:
        none, real = float(right["none"].mean()), float(right["real_images"].mean())
        found["share_of_the_way"] = (float(best.mean()) - none) / (real - none) if real != none else None
    return found


def headline(trained: Mapping[str, Any]) -> dict[str, float]:
    """The figures that success hangs on: lower ends of intervals, in accuracy (0.01 is a point)."""
    minus = trained.get("best_minus", {})
    return {f"proof_transfer_minus_{name}": minus[name].low for name in ("none", "shuffled") if name in minus}


def table(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: accuracies in per cent with their intervals, and what the best method has more."""
    names = list(next(iter(parts.values()))["accuracy"])
    head = " | ".join(f"{part.replace('_', '-')} concepts | {BEST} minus it" for part in parts)
    lines = [f"| condition | {head} |", "|---" * (1 + 2 * len(parts)) + "|"]
    for name in names:
        cells = []
        for part in parts.values():
            minus = part.get("best_minus", {}).get(name)
            cells += [_shown(part["accuracy"][name]), _shown(minus, "+") if minus else ""]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _shown(found: Interval, sign: str = "") -> str:
    mean, low, high = (100 * value for value in found)
    return f"{mean:{sign}.1f} ({low:{sign}.1f} to {high:{sign}.1f})"
