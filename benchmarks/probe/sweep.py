"""Two synthetic clouds with the same labels, one property changed at a time: under which conditions does a method win?

A thing is a point z around its class's centre. Its image is norm(m_x + z + noise), its text
norm(m_y + r B (z + noise)); m are the cones' axes, r the scale ratio, B changes the shape of the text cloud.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from probe import STEPS, train_probe
from table import interval

from unicorn_assets.transfer import fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

DIMENSION = 64
CLASSES = 9
THINGS = 1500  # of them a third is asked about
METHODS = ("none", "mean_shift", "realign", "aniso_init")


@dataclass(frozen=True)
class Setting:
    """One pair of clouds."""

    shift: float = 0.6  # |m_x - m_y|, before rows are made unit length
    cone: float = 0.6  # |m_x| = |m_y|, against a spread of about 1
    ratio: float = 1.0  # spread of texts over that of images
    decay: float = 0.5  # the spread of direction k falls as k^-decay, for both sides
    mismatch: float = 0.0  # B's k-th entry is k^-mismatch: texts have a steeper spectrum than images
    radii: float = 0.0  # log-normal spread of how far a thing lies from the centre, the same in both sides
    telling_radii: float = 0.0  # classes differ in how far from the centre their things lie
    imbalance: float = 0.0  # texts have other shares of classes than images: the means differ in content
    patience: int = 1  # the probe's steps, as a multiple


BASE = Setting()
CHANGES: dict[str, tuple[float, ...]] = {
    "shift": (0.0, 0.3, 1.0),
    "cone": (0.51, 1.5, 3.0),
    "ratio": (0.3, 0.6, 1.7),
    "decay": (0.0, 1.0),
    "mismatch": (0.3, 0.6, 1.0),
    "radii": (0.4, 0.8),
    "telling_radii": (0.4, 0.8),
    "imbalance": (0.5, 1.0),
}


def sweep(seeds: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Accuracy of each method, with 95 % intervals over `seeds` worlds, at the base setting and each change of it."""
    settings = [("nothing (base)", BASE)]
    for name, values in CHANGES.items():
        settings += [(f"{name} {value:g}", replace(BASE, **{name: max(value, 0.0)})) for value in values]
    settings.append(("cone 3, ten times the steps", replace(BASE, cone=3.0, patience=10)))
    rows = []
    for changed, setting in settings:
        found = [accuracies(setting, seed) for seed in range(seeds)]
        rows.append(
            {
                "changed": changed,
                "accuracy": {m: interval([one[m] for one in found]) for m in METHODS},
                "realign_minus_mean_shift": interval([one["realign"] - one["mean_shift"] for one in found]),
            }
        )
        say(f"{changed}: " + ", ".join(f"{m} {rows[-1]['accuracy'][m]['mean']:.1f}" for m in METHODS))
    return rows


def accuracies(setting: Setting, seed: int) -> dict[str, float]:
    """Accuracy in per cent on unseen things' images by method, the probe trained on the other things' texts."""
    rng = np.random.default_rng(seed)
    text, image, labels = clouds(setting, rng)
    asked = THINGS // 3
    # With imbalance, texts tell of the first classes more often than the images show them.
    weights = np.exp(-setting.imbalance * labels[asked:] / 2)
    told = asked + rng.choice(THINGS - asked, THINGS - asked, p=weights / weights.sum())
    space = Space("synthetic", "0", DIMENSION)
    statistics = Statistics(space, covariance=True).add(image[asked:])
    found = {}
    for method in METHODS:
        transfer = fit(method, 1, statistics, lambda: [text[told]])
        rows_of, steps = list(np.arange(len(told))[:, None]), setting.patience * STEPS
        answer = train_probe(transfer.apply(text[told]), rows_of, labels[told], CLASSES, seed, steps=steps)
        found[method] = 100 * float((answer(transfer.image_side(image[:asked])) == labels[:asked]).mean())
    return found


def clouds(
    setting: Setting, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """(n, d) texts and images of the same things, and the things' classes."""
    d = DIMENSION
    spectrum = np.arange(1, d + 1) ** -setting.decay
    spectrum /= np.sqrt((spectrum**2).sum())
    labels = rng.integers(CLASSES, size=THINGS)
    centres = rng.normal(size=(CLASSES, d)) * spectrum
    radius = np.exp(setting.radii * rng.normal(size=(THINGS, 1)) - setting.radii**2 / 2)
    radius *= np.exp(setting.telling_radii * (labels[:, None] / (CLASSES - 1) - 0.5) * 2)
    thing = radius * (0.35 * centres[labels] + 0.94 * rng.normal(size=(THINGS, d)) * spectrum)
    axis, other = np.linalg.qr(rng.normal(size=(d, 2)))[0].T
    half = min(setting.shift / 2, setting.cone)
    along = np.sqrt(setting.cone**2 - half**2)
    shape = np.arange(1, d + 1) ** -setting.mismatch
    shape *= np.sqrt((spectrum**2).sum() / ((shape * spectrum) ** 2).sum())
    noise = [0.5 * rng.normal(size=(THINGS, d)) * spectrum for _ in range(2)]
    image = thing + noise[0] + along * axis + half * other
    text = setting.ratio * (thing + noise[1]) * shape + along * axis - half * other
    return _unit(text), _unit(image), labels


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
