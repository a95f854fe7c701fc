"""What a condition trains on and is asked with. Conditions differ here and nowhere else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.proof.size import Condition
from unicorn_assets.errors import UserError
from unicorn_assets.training.dataset import ReleaseDataset
from unicorn_assets.training.vectors import Vectors

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Material:
    """Captions of the records, their vectors in an epoch, (records, d); pictures asked about, (questions, d)."""

    captions: list[str]
    vectors: Callable[[int], Rows]
    asked: Rows


def captions_of(folder: Path) -> dict[str, str]:
    """Captions of a release by record id, in the order of the ids."""
    dataset = ReleaseDataset(folder)
    records = [dataset.records.record(row) for row in range(len(dataset))]
    return {str(record["id"]): record["caption"] for record in sorted(records, key=lambda record: str(record["id"]))}


def pictures_of(file: Path) -> dict[str, list[Rows]]:
    """Vectors of exported pictures by the first part of their names, which is the concept's."""
    found: dict[str, list[Rows]] = {}
    vectors = Vectors(file)
    for row in range(len(vectors)):
        name = Path(vectors.id_of(row)).name.split(".")[0]
        found.setdefault(name, []).append(vectors.row(row).astype(np.float32))
    return found


def material(
    condition: Condition,
    release: Path,
    records: Mapping[str, str],
    asked: Rows,
    others: Sequence[list[Rows]],
    seed: int,
) -> Material:
    """Of a condition and a seed. `records`: captions by id, the same for all; `others`: other vendors' pictures of each
    record's concept.
    """
    if captions_of(release) != records:
        raise UserError(f"{release} has other records than the first", "remove the proof's folder and make it again")
    text = ReleaseDataset(release, ids=records, noise_cosine=condition.noise, seed=seed)

    def stored(epoch: int) -> Rows:
        return np.stack([text[epoch, number]["vector"] for number in range(len(text))]).astype(np.float32)

    def shuffled(epoch: int) -> Rows:
        return stored(epoch)[strangers(len(records), seed)]

    def drawn(epoch: int) -> Rows:
        rng = np.random.default_rng([seed, epoch])
        return np.stack([pictures[rng.integers(len(pictures))] for pictures in others])

    def zeros(_: int) -> Rows:
        return np.zeros((len(records), text.dimension), np.float32)

    ways = {"text": stored, "shuffled": shuffled, "pictures": drawn, "zero": zeros}
    return Material(
        list(records.values()), ways[condition.vectors], 0 * asked if condition.vectors == "zero" else asked
    )


def strangers(count: int, seed: int) -> NDArray[np.int64]:
    """For each of `count` records another one, each once: one circle through all, so that none keeps its own."""
    circle = np.random.default_rng([seed, 1]).permutation(count)
    other = np.empty(count, np.int64)
    other[circle] = np.roll(circle, 1)
    return other
