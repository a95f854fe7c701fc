"""Making an image reference: from images, from vectors, from another reference, or from the pocket encoder's own.

Not here: reading files (files.py, vectors/files.py), or what a reference holds (reference.py).
"""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np

from unicorn_assets.encoders import Encoder, encoder_version, identify, space_of
from unicorn_assets.encoders.fingerprint import fingerprint
from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.images.decoding import prepared_images
from unicorn_assets.images.entries import Corrupt
from unicorn_assets.images.files import find_images
from unicorn_assets.images.reference import SAMPLE_ROWS, ImageReference, Pairs
from unicorn_assets.plain_files import read_anywhere, why
from unicorn_assets.recipe import Recipe
from unicorn_assets.redaction import identify as without_secrets
from unicorn_assets.vectors.files import read_vectors
from unicorn_assets.vectors.rows import Space, unit_rows
from unicorn_assets.vectors.sample import Sample
from unicorn_assets.vectors.statistics import Statistics

_CODE = 2  # raise when this module's own way of building changes a reference
MOST_REFERENCE = 1 << 30  # bytes
IMAGES_AT_A_TIME = 64  # prepared images in memory

Progress = Callable[[int], None]


def reference_version(recipe: Recipe) -> str:
    """16 hexadecimal digits that change with the recipe's reference, its files or the encoder; nothing is loaded.

    A folder or a glob counts by the names and sizes of its files, a file by its content, a URL by its name alone.
    """
    settings = recipe.image_reference
    source = recipe.locate(settings.path) if settings.path else ""
    return digest([_CODE, encoder_version(recipe), settings.model_dump(mode="json"), fingerprint(source)], 8)


def build_image_reference(
    recipe: Recipe, encoder_factory: Callable[[], Encoder], on_progress: Progress | None = None
) -> ImageReference:
    """The image reference that the recipe asks for.

    `encoder_factory` is called only where something must be encoded. `on_progress` gets the number of rows just done.
    UserError for images of which none can be read, a file without usable vectors, or vectors of another encoder.
    """
    settings = recipe.image_reference
    if settings.kind == "pocket":
        return _from_pocket(recipe.encoder.width, settings.name)
    shown = without_secrets(settings.path or "")
    path, name = recipe.locate(settings.path or ""), settings.name or name_of(shown)
    if settings.kind == "images":
        return from_images(path, shown, name, encoder_factory(), on_progress)
    if settings.kind == "reference":
        return from_reference(path, shown, settings.name, identify(recipe))
    return from_vectors(path, shown, name, identify(recipe), on_progress)


def from_images(
    path: str, shown: str, name: str, encoder: Encoder, on_progress: Progress | None = None
) -> ImageReference:
    """The reference of all images at `path`, which messages call `shown`; see files.py for what it may be."""
    corrupt = Corrupt()
    statistics, sample = Statistics(space_of(encoder), covariance=True), Sample(SAMPLE_ROWS)
    images = prepared_images(find_images(path, corrupt), encoder.prepare_image, corrupt)
    while group := list(islice(images, IMAGES_AT_A_TIME)):
        vectors = encoder.encode_prepared([image for _, image in group], on_progress)
        statistics.add(vectors, where=shown, ids=[image for image, _ in group])
        sample.add(vectors)
        group.clear()  # before the next images are prepared
    if not statistics.n:
        first = f"; {corrupt[0][0]}: {corrupt[0][1]}" if corrupt else ""
        counts = f"; in all: {corrupt.summary()}" if corrupt.total > 1 else ""
        raise UserError(
            f"{shown}: none of the {corrupt.total:,} images can be read{first}{counts}", "give other images"
        )
    return ImageReference(
        statistics, sample.rows, corrupt=list(corrupt), set_aside=corrupt.total, source=f"images in {shown}",
        name=name, encoder={"window": encoder.window, "dtype": encoder.dtype},
    )  # fmt: skip


def from_vectors(
    path: str, shown: str, name: str, identity: tuple[str, str], on_progress: Progress | None = None
) -> ImageReference:
    """The reference of a file of image vectors that the encoder of this identity made."""
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
    return ImageReference(statistics, sample.rows, source=f"vectors in {shown}", name=name)


def from_reference(path: str, shown: str, name: str | None, identity: tuple[str, str]) -> ImageReference:
    """A reference that was made before, here or elsewhere, by the encoder of this identity."""
    try:
        found = ImageReference.from_bytes(read_anywhere(path, MOST_REFERENCE))
    except FileNotFoundError:
        raise UserError(f"{shown}: there is no such file", "check image_reference.path in the recipe") from None
    except OSError as error:
        raise UserError(f"{shown}: {why(error)}", "check image_reference.path in the recipe") from None
    except UserError as error:
        raise UserError(f"{shown}: {error.message}", error.hint) from None
    Space(*identity, found.space.dimension).require(found.space, f"the images of {shown}")
    return found if name is None else ImageReference(**{**vars(found), "name": name})


def _from_pocket(width: str, name: str | None) -> ImageReference:
    from unicorn_assets.encoders.pocket.files import identity as identity_of
    from unicorn_assets.encoders.pocket.files import model_folder, read_evaluation_pairs, read_reference

    folder = model_folder(width)
    (statistics, vectors), pairs = read_reference(folder), read_evaluation_pairs(folder)
    statistics.space.require(Space(*identity_of(folder, width), pairs.texts.shape[1]), "the shipped weights")
    paired = Space(pairs.encoder, pairs.revision, pairs.vectors.shape[1])
    statistics.space.require(paired, "the evaluation pairs")
    sample = Sample(SAMPLE_ROWS).add(vectors)
    evaluation = Pairs(pairs.texts, pairs.vectors.astype(np.float16), pairs.ids, pairs.held_out.astype(np.bool_))
    source = "the pocket encoder's own"
    return ImageReference(statistics, sample.rows, evaluation, source=source, name=name or "pocket-icons")


def name_of(path: str) -> str:
    """A name from the last part of a path that is not a pattern."""
    parts = [part for part in path.split("/") if part and not any(mark in part for mark in "*?[")]
    return Path(parts[-1]).name.split(".")[0] if parts else "images"
