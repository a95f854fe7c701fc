"""What real images look like to the encoder: their statistics and a small sample, unpaired with any caption.

Built from a folder of images, from a file of vectors, or from what comes with the pocket encoder. The images
themselves are not kept. Not here: reading files (vector_files.py, image_files.py) or using it (transfer.py, gap/).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.recipe import Recipe
from unicorn_assets.representation.encoders import Encoder, encoder_version, identify, space_of
from unicorn_assets.representation.encoders.identity import fingerprint
from unicorn_assets.representation.image_files import read_images
from unicorn_assets.representation.packing import content_hash, pack, unpack
from unicorn_assets.representation.sample import Sample
from unicorn_assets.representation.statistics import Statistics
from unicorn_assets.representation.vector_files import read_vectors
from unicorn_assets.representation.vectors import Rows, Space, unit_rows

_CODE = 1  # raise when this module's own way of building changes a reference
SAMPLE_ROWS = 2000
IMAGES_AT_A_TIME = 64  # decoded images in memory

Half = NDArray[np.float16]
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Pairs:
    """Captions and images that belong together, only for measuring: (n, d) fp16 unit rows on both sides.

    unseen (n,) bool says that the row's concept was kept out of the encoder's training.
    """

    text: Half
    image: Half
    ids: list[str]
    unseen: NDArray[np.bool_]


@dataclass(frozen=True)
class ImageReference:
    """Statistics of all images, a sample of their vectors (at most 2,000 fp16 rows), the images set aside."""

    statistics: Statistics
    sample: Half
    evaluation: Pairs | None = None
    corrupt: list[tuple[str, str]] = field(default_factory=list)  # file, reason
    source: str = ""

    @property
    def space(self) -> Space:
        """The encoder's space that all these vectors live in."""
        return self.statistics.space

    def version(self) -> str:
        """16 hexadecimal digits that change with any of the content."""
        return content_hash(self.to_bytes())

    def to_bytes(self) -> bytes:
        """One safetensors file."""
        tensors: dict[str, NDArray[Any]] = {
            "sample": self.sample,
            "statistics": np.frombuffer(self.statistics.to_bytes(), np.uint8),
        }
        manifest: dict[str, Any] = {"corrupt": self.corrupt, "source": self.source, "n": self.statistics.n}
        if pairs := self.evaluation:
            tensors |= {"pairs_text": pairs.text, "pairs_image": pairs.image, "pairs_unseen": pairs.unseen}
            manifest["pair_ids"] = pairs.ids
        return pack("image_reference", manifest | vars(self.space), tensors)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse of to_bytes; UserError when the bytes are something else."""
        about, tensors = unpack("image_reference", data)
        pairs = None
        if "pair_ids" in about:
            unseen = tensors["pairs_unseen"].astype(np.bool_)
            pairs = Pairs(tensors["pairs_text"], tensors["pairs_image"], about["pair_ids"], unseen)
        corrupt = [(file, reason) for file, reason in about["corrupt"]]
        statistics = Statistics.from_bytes(tensors["statistics"].tobytes())
        return cls(statistics, tensors["sample"], pairs, corrupt, about["source"])


def reference_version(recipe: Recipe) -> str:
    """16 hexadecimal digits that change with the recipe's reference, its files or the encoder; nothing is loaded.

    A folder counts by the names and sizes of its files, a file by its content, a URL by its name alone.
    """
    settings = recipe.image_reference
    source = recipe.locate(settings.path) if settings.path else ""
    return digest([_CODE, encoder_version(recipe), settings.model_dump(mode="json"), fingerprint(source)], 8)


def build_image_reference(
    recipe: Recipe, encoder_factory: Callable[[], Encoder], on_progress: Progress | None = None
) -> ImageReference:
    """The image reference that the recipe asks for.

    `encoder_factory` is called only where something must be encoded. `on_progress` gets the number of rows just done.
    UserError for a folder without readable images, a file without usable vectors, or vectors of another encoder.
    """
    settings = recipe.image_reference
    if settings.kind == "pocket":
        return _from_pocket(encoder_factory, on_progress)
    path = recipe.locate(settings.path or "")
    if settings.kind == "images":
        return _from_images(path, settings.path or "", encoder_factory(), on_progress)
    return _from_vectors(path, settings.path or "", identify(recipe), on_progress)


def _from_images(path: str, shown: str, encoder: Encoder, on_progress: Progress | None) -> ImageReference:
    corrupt: list[tuple[str, str]] = []
    statistics, sample = Statistics(space_of(encoder), covariance=True), Sample(SAMPLE_ROWS)
    images = read_images(path, corrupt)
    while group := list(islice(images, IMAGES_AT_A_TIME)):
        names = [name for name, _ in group]
        vectors = encoder.encode_images([image for _, image in group], on_progress)
        statistics.add(vectors, where=shown, ids=names)
        sample.add(vectors)
    if not statistics.n:
        file, reason = corrupt[0]
        raise UserError(
            f"{shown}: none of the {len(corrupt)} images can be read; {file}: {reason}", "give other images"
        )
    return ImageReference(statistics, sample.rows, corrupt=corrupt, source=f"images in {shown}")


def _from_vectors(path: str, shown: str, identity: tuple[str, str], on_progress: Progress | None) -> ImageReference:
    statistics: Statistics | None = None
    sample = Sample(SAMPLE_ROWS)
    for chunk in read_vectors(path, identity):
        if statistics is None:
            dimension = chunk.vectors.shape[1] if chunk.vectors.ndim == 2 else 0
            statistics = Statistics(Space(*identity, dimension), covariance=True)
        units = unit_rows(chunk.vectors, where=shown, ids=chunk.ids, first=chunk.first)
        statistics.add(units, where=shown)
        sample.add(units)
        if on_progress:
            on_progress(len(units))
    if statistics is None or not statistics.n:
        raise UserError(f"{shown} holds no vectors", "give a file with at least a few thousand image vectors")
    return ImageReference(statistics, sample.rows, source=f"vectors in {shown}")


def _from_pocket(encoder_factory: Callable[[], Encoder], on_progress: Progress | None) -> ImageReference:
    from unicorn_assets.representation.pocket.files import read_evaluation_pairs, read_reference

    shipped, pairs = read_reference(), read_evaluation_pairs()
    encoder = encoder_factory()
    space = Space(shipped.encoder, shipped.revision, len(shipped.mean))
    space.require(space_of(encoder), "the captions of the evaluation pairs")
    space.require(Space(pairs.encoder, pairs.revision, pairs.vectors.shape[1]), "the evaluation pairs")
    statistics = Statistics.from_moments(space, shipped.count, _float64(shipped.mean), _float64(shipped.covariance))
    sample = Sample(SAMPLE_ROWS).add(shipped.vectors)
    text = encoder.encode_texts(pairs.captions, on_progress).astype(np.float16)
    evaluation = Pairs(text, pairs.vectors.astype(np.float16), pairs.ids, pairs.held_out.astype(np.bool_))
    return ImageReference(statistics, sample.rows, evaluation, source="the pocket encoder's own")


def _float64(values: Rows) -> NDArray[np.float64]:
    return values.astype(np.float64)
