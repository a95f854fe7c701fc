"""Each transfer method under test: what the probe is trained on, and what real images become before it is asked.

The moves are the package's own. Noise is drawn anew for every draw of the probe and chosen by the cosine it leaves.
"""

from typing import Any

import numpy as np
from material import CAPTIONS, FOLDS, Material, World
from numpy.typing import NDArray
from probe import Answer, train_probe

from unicorn_assets.transfer import Transfer, fit, sigma_of
from unicorn_assets.vectors.statistics import Statistics

# name of the row: (the package's method, with noise)
METHODS = {
    "none": ("none", False),
    "none_noise": ("none", True),
    "mean_shift": ("mean_shift", False),
    "c3": ("c3", True),
    "i0t": ("i0t", False),
    "realign": ("realign", False),
    "realign_noise": ("realign", True),
    "aniso_init": ("aniso_init", False),
    "real_images": ("", False),
}
COSINES = (0.9, 0.7, 0.5, 0.35)  # cos(y, y + n) on offer
TEST_SETS = ("held_out_vendor", "held_out_concepts")

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]


def ask_encoder(world: World, material: Material, seed: int) -> dict[str, Any]:
    """Accuracy in per cent by test set and method for one encoder; the noise chosen; accuracy at each noise.

    Every trained concept is asked about once, by the probe of the fold that left its family out; held-out concepts by
    the probes of all folds, and the four answers are averaged.
    """
    image = Statistics(material.space, covariance=True)
    image.add(material.image[~material.new_vendor & ~world.held_out[material.image_concept]])
    tries: dict[str, dict[float, list[dict[str, float]]]] = {}
    for fold in range(FOLDS):
        part = _Fold(world, material, fold)
        for name, (method, noisy) in METHODS.items():
            for cosine in COSINES if noisy else (1.0,):
                found = part.real_images(seed) if not method else part.transferred(method, cosine, image, seed)
                tries.setdefault(name, {}).setdefault(cosine, []).append(found)
    merged = {name: {cosine: _merged(rows) for cosine, rows in by.items()} for name, by in tries.items()}
    chosen = {
        by: {name: max(rows, key=lambda cosine, rows=rows, by=by: rows[cosine][by]) for name, rows in merged.items()}
        for by in ("text_validation", "image_validation")
    }
    result: dict[str, Any] = {
        test: {name: merged[name][chosen["text_validation"][name]][test] for name in METHODS} for test in TEST_SETS
    }
    noisy = [name for name, (_, noise) in METHODS.items() if noise]
    result["noise_chosen_on_images"] = {
        test: {name: merged[name][chosen["image_validation"][name]][test] for name in noisy} for test in TEST_SETS
    }
    result["chosen_cosine"] = {by: {name: names[name] for name in noisy} for by, names in chosen.items()}
    result["by_cosine"] = {
        test: {name: {str(cosine): merged[name][cosine][test] for cosine in COSINES} for name in noisy}
        for test in TEST_SETS
    }
    return result


class _Fold:
    """The concepts a probe is trained on, validated on and asked about, and their vectors."""

    def __init__(self, world: World, material: Material, fold: int) -> None:
        rest = ~world.held_out & (world.fold != fold)
        self.train = np.flatnonzero(rest & ~world.validation)
        self.validation = np.flatnonzero(rest & world.validation)
        self.asked = {
            "held_out_vendor": np.flatnonzero(~world.held_out & (world.fold == fold)),
            "held_out_concepts": np.flatnonzero(world.held_out),
        }
        self.labels, self.classes = world.labels, len(world.groups)
        self.material = material

    def transferred(self, method: str, cosine: float, image: Statistics, seed: int) -> dict[str, float]:
        """A probe on moved text; means are fitted on the texts it is trained on and on unpaired images."""
        text = self._texts(self.train)
        transfer = fit(method, 1, image, lambda: [text])
        rows_of = list(np.arange(len(text)).reshape(-1, CAPTIONS))
        answer = train_probe(
            transfer.apply(text),
            rows_of,
            self.labels[self.train],
            self.classes,
            seed,
            noise(cosine, text.shape[1]) if cosine < 1 else None,
        )
        moved = transfer.apply(self._texts(self.validation))
        right = answer(moved) == np.repeat(self.labels[self.validation], CAPTIONS)
        return {"text_validation": 100 * float(right.mean())} | self._on_images(answer, transfer)

    def real_images(self, seed: int) -> dict[str, float]:
        """The same probe on the training vendors' pictures of the same concepts."""
        old = ~self.material.new_vendor
        rows_of = [np.flatnonzero(old & (self.material.image_concept == concept)) for concept in self.train]
        kept = [i for i, rows in enumerate(rows_of) if len(rows)]
        labels = self.labels[self.train][kept]
        answer = train_probe(self.material.image, [rows_of[i] for i in kept], labels, self.classes, seed)
        found = self._on_images(answer, None)
        return {"text_validation": found["image_validation"]} | found

    def _texts(self, concepts: Rows) -> Vectors:
        return self.material.text[concepts].reshape(-1, self.material.text.shape[2])

    def _on_images(self, answer: Answer, transfer: Transfer | None) -> dict[str, float]:
        m = self.material
        asked = {
            "image_validation": np.isin(m.image_concept, self.validation) & ~m.new_vendor,
            **{name: np.isin(m.image_concept, concepts) & m.new_vendor for name, concepts in self.asked.items()},
        }
        found = {}
        for name, rows in asked.items():
            images = m.image[rows] if transfer is None else transfer.image_side(m.image[rows])
            right = answer(images) == self.labels[m.image_concept[rows]]
            found[name] = 100 * float(right.mean())
            found[name + "_asked"] = len(right)
        return found


def noise(cosine: float, dimension: int) -> Any:
    """A function (batch, draw) -> batch with Gaussian noise that leaves this cosine, unit length again.

    Distributed as the package's `noisy`, which seeds each row by its name for whoever must reproduce a file; here a
    batch draws at once, since the probe's draws have no names.
    """
    sigma = sigma_of(cosine, dimension)

    def noised(batch: Vectors, draw: int) -> Vectors:
        moved = batch + np.random.default_rng([draw, 7]).normal(0, sigma, batch.shape).astype(np.float32)
        unit: Vectors = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        return unit

    return noised


def _merged(folds: list[dict[str, float]]) -> dict[str, float]:
    """Accuracies of the folds as one: weighted by how much each was asked about."""
    total = sum(row["held_out_vendor_asked"] for row in folds)
    return {
        "held_out_vendor": sum(row["held_out_vendor"] * row["held_out_vendor_asked"] for row in folds) / total,
        **{
            name: sum(row[name] for row in folds) / len(folds)
            for name in ("held_out_concepts", "text_validation", "image_validation")
        },
    }
