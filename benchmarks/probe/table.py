"""Means and intervals over trainings of the encoder, and the tables that docs/transfer-quality.md publishes."""

from typing import Any

import numpy as np
from methods import COSINES, METHODS, TEST_SETS

# 97.5 % points of Student's t by degrees of freedom (its usual table; scipy is not a dependency)
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def interval(values: list[float]) -> dict[str, float]:
    """Mean and half the width of its 95 % interval by Student's t; a single value has no interval."""
    n = len(values)
    half = STUDENT[n - 1] * float(np.std(values, ddof=1)) / n**0.5 if n > 1 else float("nan")
    return {"mean": round(float(np.mean(values)), 2), "half_width": round(half, 2)}


def summary(asked: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of one width from those of its encoders; differences are taken encoder by encoder."""
    found: dict[str, Any] = {}
    for test in TEST_SETS:
        found[test] = {}
        for name in METHODS:
            values = [one[test][name] for one in asked]
            against = [one[test][name] - one[test]["mean_shift"] for one in asked]
            found[test][name] = interval(values) | {"minus_mean_shift": interval(against), "by_seed": values}
    noisy = [name for name, (_, noise) in METHODS.items() if noise]
    found["noise_chosen_on_images"] = {
        test: {name: interval([one["noise_chosen_on_images"][test][name] for one in asked]) for name in noisy}
        for test in TEST_SETS
    }
    found["chosen_cosine"] = {
        by: {name: [one["chosen_cosine"][by][name] for one in asked] for name in noisy}
        for by in ("text_validation", "image_validation")
    }
    found["by_cosine"] = {
        test: {
            name: {str(c): interval([one["by_cosine"][test][name][str(c)] for one in asked]) for c in COSINES}
            for name in noisy
        }
        for test in TEST_SETS
    }
    return found


def as_markdown(found: dict[str, Any]) -> str:
    """Tables for people."""
    if "sweep" in found:
        return sweep_table(found["sweep"])
    lines: list[str] = []
    for width, figures in found.items():
        lines += [f"### {width}", "", *accuracy_table(figures), "", *noise_table(figures), ""]
    names = list(next(iter(found.values()))["conditions"])
    lines += ["### measured conditions", "", "| | " + " | ".join(found) + " |", "|---" * (1 + len(found)) + "|"]
    lines += [f"| {n} | " + " | ".join(f"{f['conditions'][n]:.3f}" for f in found.values()) + " |" for n in names]
    return "\n".join(lines)


def photo_rows(figures: dict[str, Any]) -> str:
    """The table of the photo width: accuracy, and how far pictures are from their captions after the move."""
    lines = ["| method | accuracy | distance | after centring |", "|---|---|---|---|"]
    for name, row in figures["accuracy"].items():
        after = figures["after_the_move"].get(name, {})
        lines.append(f"| {name} | {_told(row)} | {after.get('distance', '')} | {after.get('centred_distance', '')} |")
    best, share = figures["best"], figures["best_transfer_of_real"]
    return "\n".join([*lines, "", f"best {best}: {100 * share:.0f} % of the way from none to real images"])


def accuracy_table(figures: dict[str, Any]) -> list[str]:
    """One row per method: accuracy and difference to mean shift, for both test sets."""
    lines = [
        "| method | held-out vendor | minus mean shift | held-out concepts | minus mean shift |",
        "|---|---|---|---|---|",
    ]
    for name in METHODS:
        cells = []
        for test in TEST_SETS:
            row = figures[test][name]
            cells += [_told(row), "" if name == "mean_shift" else _told(row["minus_mean_shift"], sign=True)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def noise_table(figures: dict[str, Any]) -> list[str]:
    """Accuracy at every noise on offer, and the choices made."""
    lines = [
        "| method | test set | " + " | ".join(f"cos {c}" for c in COSINES) + " | chosen on images |",
        "|---" * (3 + len(COSINES)) + "|",
    ]
    for name in figures["by_cosine"][TEST_SETS[0]]:
        for test in TEST_SETS:
            row = figures["by_cosine"][test][name]
            cells = [_told(row[str(c)]) for c in COSINES] + [_told(figures["noise_chosen_on_images"][test][name])]
            lines.append(f"| {name} | {test.replace('_', ' ')} | " + " | ".join(cells) + " |")
    for by, names in figures["chosen_cosine"].items():
        lines += ["", f"chosen by {by.replace('_', ' ')}: " + "; ".join(f"{n} {c}" for n, c in names.items())]
    return lines


def sweep_table(rows: list[dict[str, Any]]) -> str:
    """One row per setting of the synthetic sweep."""
    methods = list(rows[0]["accuracy"])
    lines = ["| changed | " + " | ".join(methods) + " | realign minus mean shift |", "|---" * (2 + len(methods)) + "|"]
    for row in rows:
        cells = [_told(row["accuracy"][m]) for m in methods] + [_told(row["realign_minus_mean_shift"], sign=True)]
        lines.append(f"| {row['changed']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _told(row: dict[str, float], sign: bool = False) -> str:
    return f"{row['mean']:{'+' if sign else ''}.1f} ± {row['half_width']:.1f}"
