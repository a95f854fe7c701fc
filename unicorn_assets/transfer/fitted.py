"""A fitted move: applying it to rows, and its one small file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.transfer.aniso import BLOCK, move_aniso
from unicorn_assets.transfer.noise import noisy, sigma_of
from unicorn_assets.transfer.steps import CENTRED, METHODS, image_steps, text_steps
from unicorn_assets.vectors.blocks import blocks, in_threads, task_rows
from unicorn_assets.vectors.packing import MOST_DIMENSION, content_hash, finite, pack, readable, unpack, whole
from unicorn_assets.vectors.rows import Float64, Rows, Space, check_shape, unit_rows
from unicorn_assets.vectors.walk import refuse_without_direction, write

MOST_FILE = 256 << 20  # bytes of a fitted move; aniso_init's, the largest, take 3 MB


def _parameters(method: str, tensors: Mapping[str, NDArray[Any]], d: int) -> dict[str, Float64]:
    """What a method needs of a file's tensors; ValueError names one that is missing or is not what it must be."""
    if method not in METHODS:
        raise ValueError(f"method is {method!r}"[:80])
    if method == "none":
        return {}
    shapes: dict[str, tuple[int | None, ...]] = {"text_mean": (d,), "image_mean": (d,)}
    if method == "realign":
        shapes |= {"scale": (1,), "offset": (d,)}  # files know no matrix without a dimension
    if method == "aniso_init":
        q = finite(tensors, "basis", (d, None)).shape[1]
        if q % BLOCK:
            raise ValueError(f"basis has {q} columns")
        shapes |= {"basis": (d, q), "text_radii": (q // BLOCK + 1, None), "image_radii": (q // BLOCK + 1, None)}
    found = {name: finite(tensors, name, shape) for name, shape in shapes.items()}
    if method == "aniso_init":
        text, image = found["text_radii"], found["image_radii"]
        if text.shape != image.shape or not text.shape[1] or any((np.diff(one) < 0).any() for one in (text, image)):
            raise ValueError("the radii are not quantiles")
    return found


@dataclass(frozen=True)
class Transfer:
    """A fitted move. `parameters` holds float64 arrays: text_mean, image_mean (d,), scale (), offset (d,)."""

    method: str
    space: Space
    parameters: dict[str, Float64]
    counts: dict[str, int] = field(default_factory=dict)  # vectors behind the means: text, image; moved: behind offset
    passes: int = 0  # of realign
    noise_cosine: float | None = None  # of c3: what whoever reads the vectors should draw
    moved_error: float = 0.0  # standard error of the mean that realign's offset corrects, where it was estimated

    def apply(
        self,
        y: Rows,
        *,
        where: str = "text vectors",
        ids: Sequence[str] | None = None,
        space: Space | None = None,
        noise: bool = False,
        seed: int = 0,
        draw: int = 0,
    ) -> NDArray[np.float32]:
        """(n, d) float32 unit rows: text vectors moved. Each row's result depends on that row alone.

        `noise` adds c3's, which needs `ids` (noise.noisy says more); without it nothing random happens. aniso_init's
        rows agree to 1e-6 whatever else is in the batch, those of the others to the last bit. UserError names a row
        that is NaN, Inf, zero, or equal to the mean, and refuses another dimension or `space`.
        """
        self.space.require(space, where)
        moved = np.empty(y.shape, np.float32)
        self._run(y, moved, True, where, ids)
        if not noise or self.noise_cosine is None:
            return moved
        if ids is None:
            raise ValueError("noise is drawn by the rows' ids")
        return noisy(moved, ids, self.noise_cosine, seed, draw)

    def image_side(
        self, x: Rows, *, where: str = "image vectors", ids: Sequence[str] | None = None, space: Space | None = None
    ) -> NDArray[np.float32]:
        """(n, d) float32 unit rows: what real image vectors must become to meet the moved text vectors."""
        self.space.require(space, where)
        moved = np.empty(x.shape, np.float32)
        self._run(x, moved, False, where, ids)
        return moved

    @property
    def moves_images(self) -> bool:
        """Whether real images must be moved too before they meet the moved text vectors."""
        return self.method in CENTRED

    def apply_half(
        self, rows: Rows, moved: NDArray[np.float16], *, images: bool = False, where: str = "text vectors",
        ids: Sequence[str] | None = None, first: int = 0,
    ) -> None:  # fmt: skip
        """Write the moved `rows` (n, d) into `moved` (n, d) as fp16, on the caller's thread alone.

        Like apply (or image_side, for `images`), rounded once more. `first` is the number of the first row.
        """
        self._move(rows, moved, not images, where, ids, first)

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard error of each fitted mean as a distance, by side: sqrt((1 - |mu|^2) / N)."""
        means = {side: self.parameters.get(f"{side}_mean") for side in self.counts}
        found = {
            side: float(np.sqrt(max(0.0, 1 - float(mean @ mean)) / self.counts[side]))
            for side, mean in means.items()
            if mean is not None
        }
        return found | ({"moved": self.moved_error} if self.moved_error else {})

    def version(self) -> str:
        """16 hexadecimal digits that change with the method, the encoder or any fitted number."""
        return content_hash(self.to_bytes())

    def to_bytes(self, about: dict[str, Any] | None = None) -> bytes:
        """A safetensors file with the parameters and a manifest; `about` is added to the manifest."""
        manifest = {
            "method": self.method,
            "counts": self.counts,
            "passes": self.passes,
            "noise_cosine": self.noise_cosine,
            "moved_error": self.moved_error,
            "standard_errors": self.standard_errors,
            **vars(self.space),
            **(about or {}),
        }
        return pack("transfer", manifest, self.parameters)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse of to_bytes; UserError when the bytes are something else."""
        about, tensors = unpack("transfer", data)
        with readable("transfer"):
            space = Space(str(about["encoder"]), str(about["revision"]), about["dimension"])
            whole(space.dimension, 1, MOST_DIMENSION, "dimension")
            counts = {str(side): whole(n, 1, 1 << 62, "counts") for side, n in about["counts"].items()}
            noise, error = about.get("noise_cosine"), float(about.get("moved_error", 0.0))
            if noise is not None:
                sigma_of(float(noise), 1)
            if not 0 <= error < np.inf:
                raise ValueError(f"moved_error is {error}")
            passes = whole(about.get("passes", 0), 0, 1000, "passes")
            parameters = _parameters(about["method"], tensors, space.dimension)
            return cls(about["method"], space, parameters, counts, passes, noise, error)

    def _run(self, rows: Rows, moved: NDArray[np.float32], text: bool, where: str, ids: Sequence[str] | None) -> None:
        check_shape(rows, self.space.dimension, where)
        step = task_rows(self.space.dimension)
        parts = [slice(first, min(first + step, len(rows))) for first in range(0, len(rows), step)]

        def work(part: slice) -> None:
            names = None if ids is None else ids[part]
            self._move(rows[part], moved[part], text, where, names, part.start)

        for _ in in_threads(work, parts, workers=None if len(parts) > 1 else 1):
            pass

    def _move(self, rows: Rows, moved: Rows, text: bool, where: str, ids: Sequence[str] | None, first: int) -> None:
        """Fill `moved`, float32 or float16."""
        if not text or self.method != "aniso_init":
            steps = text_steps(self.method, self.parameters) if text else image_steps(self.method, self.parameters)
            write(rows, steps, moved, where, ids, first)
            return
        for part in blocks(len(rows), self.space.dimension):
            names = None if ids is None else ids[part]
            unit = unit_rows(rows[part], where=where, ids=names, first=first + part.start)
            found = move_aniso(unit, self.parameters)
            lengths = np.sqrt(np.vecdot(found, found))
            lengths[~np.isfinite(lengths)] = 0  # a move of a stranger may leave nothing of a row that way too
            refuse_without_direction(lengths, where, names, first + part.start)
            np.divide(found, lengths[:, None], out=moved[part], casting="same_kind")
