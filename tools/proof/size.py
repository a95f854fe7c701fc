"""What is measured, in which size: conditions, concepts, epochs, rates. docs/proof.md gives the reasons."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from unicorn_assets.ids import digest

NOISE = 0.7
"""Cosine that noise leaves: the package's preset for c3."""
BEST = "c3"


@dataclass(frozen=True)
class Condition:
    """Which release a condition trains on, by its method of transfer, and what becomes of the vectors."""

    method: str = "none"
    noise: float | None = None
    vectors: Literal["text", "shuffled", "zero", "pictures"] = "text"


CONDITIONS = {
    "blind": Condition(vectors="zero"),
    "shuffled": Condition("c3", NOISE, "shuffled"),
    "none": Condition(),
    "none_noise": Condition(noise=NOISE),
    "mean_shift": Condition("mean_shift"),
    "c3": Condition("c3", NOISE),
    "realign": Condition("realign"),
    "aniso_init": Condition("aniso_init"),
    "real_images": Condition(vectors="pictures"),
}
GROUPS = (
    "activities", "animals-nature", "flags", "food-drink", "objects", "people-body", "smileys-emotion", "symbols",
    "travel-places",
)  # fmt: skip
THINGS = ("animals-nature", "food-drink", "objects")
RATES = ((1e-3, 5e-5), (5e-4, 1e-4), (1e-3, 2e-4))
"""Of stage 1 and 2, from which develop.py chooses."""


@dataclass(frozen=True)
class Size:
    """One size of the proof; everything here enters the key under which an answer is kept, but `conditions` and
    `seeds`, which say only which answers are wanted.
    """

    name: str
    groups: tuple[str, ...]
    descriptions: bool  # captions beside the label
    epochs: tuple[int, int]  # of stage 1 and 2
    rates: tuple[float, float]
    batch: tuple[int, int]  # samples at most
    asked: int | None  # pictures of trained concepts; None: all
    conditions: tuple[str, ...]
    seeds: int

    @property
    def key(self) -> str:
        """Short hash of what decides an answer, the code that trains and asks included."""
        decides = {name: value for name, value in asdict(self).items() if name not in ("conditions", "seeds")}
        code = [(Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8") for name in ("model", "vectors")]
        return digest([decides, code], 6)

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods of transfer whose releases are needed."""
        return tuple(dict.fromkeys(CONDITIONS[name].method for name in self.conditions))


SIZES = {
    "cpu": Size("cpu", THINGS, False, (3, 2), RATES[0], (8, 16), 300, ("none", "shuffled", "c3"), 3),
    "gpu": Size("gpu", GROUPS, True, (3, 1), RATES[0], (64, 64), None, tuple(CONDITIONS), 5),
}
