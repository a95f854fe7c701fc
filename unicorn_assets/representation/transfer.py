"""The move of text vectors to where image vectors live: none, mean shift or ReAlign.

Notation: y text and x image vectors, unit length first; mu their means; norm(v) = v / |v|.
  none        y
  mean_shift  norm(y - mu_y); images become norm(x - mu_x) when they are used        Unicorn, arXiv 2503.22655
  realign     norm(e1 + o) with e1 = norm(mu_x + s (y - mu_y)); images stay x        ReAlign, arXiv 2602.07026
              s = sqrt((1 - |mu_x|^2) / (1 - |mu_y|^2)) makes the spreads equal, since for unit vectors the trace of
              the covariance is 1 - |mu|^2. The offset o starts at 0; each pass adds mu_x - mean(norm(e1 + o)).
Here: fitting and applying. Statistics come from statistics.py, what the move achieves is measured in gap/.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.representation.packing import content_hash, pack, unpack
from unicorn_assets.representation.statistics import Statistics
from unicorn_assets.representation.vectors import Float64, Rows, Space, unit_chunks

METHODS = ("none", "mean_shift", "realign")
Shards = Callable[[], Iterable[Rows]]

# Below this length a moved vector is rounding noise and has no direction of its own.
_NO_DIRECTION = 1e-6


@dataclass(frozen=True)
class Transfer:
    """A fitted move. `parameters` holds float64 arrays: text_mean, image_mean (d,), scale (), offset (d,)."""

    method: str
    space: Space
    parameters: dict[str, Float64]
    counts: dict[str, int] = field(default_factory=dict)  # vectors behind the means: text, image

    def apply(
        self, y: Rows, *, where: str = "text vectors", ids: Sequence[str] | None = None, space: Space | None = None
    ) -> NDArray[np.float32]:
        """(n, d) float32 unit rows: text vectors moved. Each row's result depends on that row alone.

        UserError names a row that is NaN, Inf, zero, or equal to the mean, and refuses another dimension or `space`.
        """
        self.space.require(space, where)
        return self._run(y, self._text_move, where, ids)

    def image_side(
        self, x: Rows, *, where: str = "image vectors", ids: Sequence[str] | None = None, space: Space | None = None
    ) -> NDArray[np.float32]:
        """(n, d) float32 unit rows: what real image vectors must become to meet the moved text vectors."""
        self.space.require(space, where)
        return self._run(x, self._image_move, where, ids)

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard error of each fitted mean as a distance, by side: sqrt((1 - |mu|^2) / N)."""
        means = {side: self.parameters.get(f"{side}_mean") for side in self.counts}
        return {
            side: float(np.sqrt(max(0.0, 1 - float(mean @ mean)) / self.counts[side]))
            for side, mean in means.items()
            if mean is not None
        }

    def version(self) -> str:
        """16 hexadecimal digits that change with the method, the encoder or any fitted number."""
        return content_hash(self.to_bytes())

    def to_bytes(self) -> bytes:
        """A safetensors file with the parameters and a manifest."""
        manifest = {"method": self.method, "counts": self.counts, **vars(self.space)}
        return pack("transfer", manifest, self.parameters)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse of to_bytes; UserError when the bytes are something else."""
        about, parameters = unpack("transfer", data)
        space = Space(about["encoder"], about["revision"], about["dimension"])
        return cls(about["method"], space, parameters, about["counts"])

    def _text_move(self, rows: Float64) -> Float64:
        p = self.parameters
        if self.method == "mean_shift":
            rows -= p["text_mean"]
        elif self.method == "realign":
            rows = _anchored(rows, p) + p["offset"]
        return rows

    def _image_move(self, rows: Float64) -> Float64:
        if self.method == "mean_shift":
            rows -= self.parameters["image_mean"]
        return rows

    def _run(
        self, vectors: Rows, move: Callable[[Float64], Float64], where: str, ids: Sequence[str] | None
    ) -> NDArray[np.float32]:
        moved = np.empty(vectors.shape, np.float32)
        for first, rows in unit_chunks(vectors, self.space.dimension, where=where, ids=ids):
            moved[first : first + len(rows)] = _norm(move(rows), where, ids, first)
        return moved


def fit(
    method: str,
    passes: int,
    image: Statistics,
    text_shards: Shards,
    *,
    space: Space | None = None,
    text: Statistics | None = None,
) -> Transfer:
    """Fit `method` in float64 with constant memory.

    `text_shards()` yields the text matrices one by one. It is iterated once for mu_y, unless `text` already holds those
    statistics (merged from shards), and for realign once more per pass. `space` says where the text vectors come from.
    UserError for an unknown method, mixed encoders, no vectors, bad rows, or texts that are all alike.
    """
    if method not in METHODS:
        raise UserError(f"unknown transfer method {method!r}", f"use one of {', '.join(METHODS)}")
    image.space.require(space, "the text vectors")
    if method == "none":
        return Transfer("none", image.space, {}, {"image": image.n})
    if text is None:
        text = _counted(image.space, text_shards, lambda rows: rows)
    image.space.require(text.space, "the text statistics")
    parameters = {"text_mean": text.mean, "image_mean": image.mean}
    if method == "realign":
        for side, statistics in (("text", text), ("image", image)):
            if statistics.trace < 1e-9:
                raise UserError(
                    f"the {side} vectors are all alike, so ReAlign has no spread to scale", f"give more {side}s"
                )
        parameters["scale"] = np.array(np.sqrt(image.trace / text.trace))
        parameters["offset"] = np.zeros(image.space.dimension)
        for _ in range(passes):
            moved = Transfer(method, image.space, parameters)
            centroid = _counted(image.space, text_shards, moved._text_move).mean
            parameters = parameters | {"offset": parameters["offset"] + parameters["image_mean"] - centroid}
    return Transfer(method, image.space, parameters, {"text": text.n, "image": image.n})


def _counted(space: Space, shards: Shards, move: Callable[[Float64], Float64]) -> Statistics:
    """Statistics of all text vectors after `move`."""
    counted = Statistics(space)
    for number, shard in enumerate(shards()):
        where = f"text vectors, shard {number}"
        for first, rows in unit_chunks(shard, space.dimension, where=where):
            counted.add(_norm(move(rows), where, None, first))
    return counted


def _anchored(rows: Float64, parameters: dict[str, Float64]) -> Float64:
    """ReAlign's e1: spread scaled around the text centroid, then moved onto the image centroid."""
    return _norm(parameters["image_mean"] + parameters["scale"] * (rows - parameters["text_mean"]), "", None, 0)


def _norm(rows: Float64, where: str, ids: Sequence[str] | None, first: int) -> Float64:
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    if len(lengths) and lengths.min() < _NO_DIRECTION:
        row = int(np.argmin(lengths))
        name = f"row {first + row}" + ("" if ids is None else f" (id {ids[row]})")
        raise UserError(
            f"{where}: {name} equals the mean, so nothing is left of it after the move",
            "fit the move on more, and more varied, captions",
        )
    moved: Float64 = rows / lengths[:, None]
    return moved
