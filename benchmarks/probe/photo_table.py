"""The probe on pictures of real things: transfer methods on the photo width, asked about Debian's stamps.

The task is the picture's folder (nine groups). Five folds by the caption: a probe learns from the captions of four of
them and is asked about the pictures of the fifth. Image statistics come from the pictures of the four, unpaired.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from foreign import Move, Vectors, spectral, textme, transported
from methods import noise
from pictures import Stamps
from probe import train_probe
from table import interval

from unicorn_assets.gap.paired import centred_distance
from unicorn_assets.transfer import fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

FOLDS = 5
LEAST = 16  # pictures of a group
COSINE = 0.7  # that noise leaves: c3's preset
OURS = ("none", "mean_shift", "realign", "aniso_init")  # i0t is mean_shift where rows are of unit length
FOREIGN = ("optimal_transport", "spectral", "textme")
METHODS = (*OURS, *FOREIGN, *(f"{name}_noise" for name in (*OURS, *FOREIGN)), "real_images")
TEXT_ONLY = [name for name in METHODS if name != "real_images"]

Rows = np.ndarray


def photo_table(
    stamps: Stamps,
    space: Space,
    images: Vectors,
    texts: Vectors,
    anchor: Vectors,
    seeds: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Accuracy in per cent by method, 95 % intervals over `seeds`, and what the best text-only row is of real images.

    texts and anchor are the encoder's and the bare text model's rows of stamps.captions.
    """
    names = sorted({g for g in stamps.group if stamps.group.count(g) >= LEAST})
    kept = np.array([g in names for g in stamps.group])
    label = np.array([names.index(g) if g in names else -1 for g in stamps.group])
    fold = np.array([int(hashlib.sha256(c.encode()).hexdigest(), 16) % FOLDS for c in stamps.captions])
    world = _World(space, images[kept], texts, anchor, stamps.caption_of[kept], label[kept], fold, len(names))
    asked = [world.ask(seed, say) for seed in range(seeds)]
    rows = {name: interval([100 * one[name] for one in asked]) for name in METHODS}
    none, real = rows["none"]["mean"], rows["real_images"]["mean"]
    best = max(TEXT_ONLY, key=lambda name: rows[name]["mean"])
    largest = float(np.bincount(label[kept]).max()) / kept.sum()
    return {
        "pictures": int(kept.sum()),
        "groups": names,
        "largest_group": round(100 * largest, 1),
        "accuracy": rows,
        "best": best,
        "best_transfer_of_real": round((rows[best]["mean"] - none) / (real - none), 3),
        "after_the_move": world.distances(),
    }


class _World:
    def __init__(self, space: Space, images: Vectors, texts: Vectors, anchor: Vectors, caption: Rows, label: Rows,
                 fold: Rows, classes: int) -> None:  # fmt: skip
        self.space, self.images, self.texts, self.anchor = space, images, texts, anchor
        self.caption, self.label, self.fold, self.classes = caption, label, fold, classes

    def ask(self, seed: int, say: Callable[[str], None]) -> dict[str, float]:
        """Share of all pictures that are named rightly, each asked of the probe of its caption's fold."""
        right = dict.fromkeys(METHODS, 0)
        for fold in range(FOLDS):
            train = np.flatnonzero(self.fold[self.caption] != fold)
            asked = np.flatnonzero(self.fold[self.caption] == fold)
            told = np.unique(self.caption[train])
            labels = np.array([self.label[train][self.caption[train] == c][0] for c in told])
            for name in METHODS:
                plain = name.removesuffix("_noise")
                noised = noise(COSINE, self.images.shape[1]) if name != plain else None
                if plain == "real_images":
                    rows, wanted, image_side = self.images[train], self.label[train], _same
                else:
                    move, image_side = self.moves(plain, told, train, seed)
                    rows, wanted = move(self.texts[told]), labels
                    noised = noise(COSINE, rows.shape[1]) if noised else None
                each = list(np.arange(len(rows))[:, None])
                answer = train_probe(rows, each, wanted, self.classes, seed, noised)
                right[name] += int((answer(image_side(self.images[asked])) == self.label[asked]).sum())
            say(f"seed {seed}, fold {fold}: " + ", ".join(f"{name} {count}" for name, count in right.items()))
        return {name: count / len(self.images) for name, count in right.items()}

    def moves(self, name: str, told: Rows, train: Rows, seed: int) -> tuple[Move, Move]:
        """The method's two functions, fitted on the captions `told` and the pictures `train`."""
        texts, images = self.texts[told], self.images[train]
        if name == "optimal_transport":
            return transported(texts, images)
        if name == "spectral":
            return spectral(texts, images)
        if name == "textme":
            return textme(texts, images, self.anchor[told], seed)
        statistics = Statistics(self.space, covariance=True)
        statistics.add(images)
        made = fit(name, 1, statistics, lambda: [texts])
        return made.apply, made.image_side

    def distances(self) -> dict[str, dict[str, float]]:
        """How far a picture is from its caption after each move, raw and after centring, fitted on all."""
        found = {}
        for name in (*OURS, *FOREIGN):
            move, image_side = self.moves(name, np.unique(self.caption), np.arange(len(self.images)), 0)
            y, x = (side.astype(np.float64) for side in (move(self.texts)[self.caption], image_side(self.images)))
            found[name] = {
                "distance": round(float(np.sqrt(((x - y) ** 2).sum(axis=1).mean())), 3),
                "centred_distance": round(centred_distance(y, x), 3),
            }
        return found


def _same(rows: Vectors) -> Vectors:
    return rows
