"""A release as a map-style dataset: a number gives a record and its vector, with noise where the method wants it.

It knows nothing of torch; torch's DataLoader takes it as it is, with workers that were forked or spawned.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.lake.released import MANIFEST, read_manifest
from unicorn_assets.training.records import Records
from unicorn_assets.training.vectors import Vectors
from unicorn_assets.transfer.noise import noisy, sigma_of

Index = int | tuple[int, int]
"""Number of a sample, or (epoch, number), as ReleaseSampler gives them: the epoch decides the noise."""


class Sample(TypedDict):
    """A record and its vector, (dimension,): float16 as it is stored, float32 with noise."""

    id: str
    caption: str
    conversations: list[dict[str, str]]
    vector: NDArray[np.float16] | NDArray[np.float32]


class ReleaseDataset:
    """The samples of a release's folder on local disk.

    `ids`: only these records, in this order. `noise_cosine`: expected cosine of a vector with noise to the stored one;
    "release" draws noise where the release's method does (c3), None never. Noise follows from seed, epoch and id alone.
    """

    def __init__(
        self, folder: str | Path, *, ids: Iterable[str] | None = None,
        noise_cosine: float | Literal["release"] | None = "release", seed: int = 0,
    ) -> None:  # fmt: skip
        folder = Path(folder)
        self.manifest = _manifest(folder)
        self.vectors = Vectors(folder / "embeddings.safetensors")
        stem = next((name for name in self.manifest["files"] if name.endswith(".json")), "Pretrain.json")[:-5]
        offsets = f"{stem}.offsets.npy"
        there = offsets in self.manifest["files"]
        self.records = Records(folder / f"{stem}.json", folder / offsets if there else None)
        if len(self.records) != len(self.vectors):
            raise UserError(
                f"{folder} has {len(self.records):,} records and {len(self.vectors):,} vectors",
                "take a whole copy of it",
            )
        chosen = self.manifest["facts"].get("noise_cosine") if noise_cosine == "release" else noise_cosine
        if chosen is not None:
            sigma_of(float(chosen), 1)  # refuses what is no cosine
        self.noise_cosine: float | None = chosen
        self.seed = seed
        self._rows = None if ids is None else np.array(self.vectors.rows_of(ids), dtype=np.int64)

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        return int(self.vectors.dimension)

    def __len__(self) -> int:
        return len(self.vectors) if self._rows is None else len(self._rows)

    def __getitem__(self, index: Index) -> Sample:
        epoch, number = index if isinstance(index, tuple) else (0, index)
        if not 0 <= number < len(self):
            raise IndexError(f"sample {number} of {len(self)}")
        row = number if self._rows is None else int(self._rows[number])
        record = self.records.record(row)
        name = str(record["id"])
        if self.vectors.id_of(row) != name:
            raise UserError(
                f"record {row} is {name!r}, the vector of that row is of {self.vectors.id_of(row)!r}",
                "the files are of different releases; take a whole copy of one",
            )
        stored = self.vectors.row(row)
        drawn = self.noise_cosine is not None
        vector = noisy(stored[None], [name], self.noise_cosine or 1, self.seed, epoch)[0] if drawn else stored
        return Sample(id=name, caption=record["caption"], conversations=record["conversations"], vector=vector)

    def __getitems__(self, indices: Sequence[Index]) -> list[Sample]:
        return [self[index] for index in indices]


def _manifest(folder: Path) -> dict:  # type: ignore[type-arg]
    if "://" in str(folder) or ":/" in str(folder):
        raise UserError(f"{folder} is not on this machine", "copy the release to local disk first")
    try:
        return read_manifest((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{folder} holds no {MANIFEST}: it is no release", "give the folder that has one") from None
    except (ValueError, IsADirectoryError) as error:
        raise UserError(f"{folder / MANIFEST} is damaged: {error}", "take another copy of the release") from None
