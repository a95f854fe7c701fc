"""What the benchmark works on: concepts with groups and folds; one encoder's vectors of captions and pictures."""

import hashlib
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.pocket.captions import training_captions
from tools.pocket.card import read_metrics
from tools.pocket.concepts import Concept, read_concepts
from tools.pocket.image_features import plain_features, through_image_head
from tools.pocket.pictures import HELD_OUT_VENDOR, Pictures, read_pictures
from tools.pocket.text_features import text_features, through_head
from unicorn_assets.encoders.pocket.encoder import PocketEncoder
from unicorn_assets.vectors.rows import Space

FOLDS = 4
VALIDATION_SHARE = 0.15  # of the concepts outside the tested fold
CAPTIONS = 6  # per concept

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


def share_of(family: str, purpose: str) -> float:
    """A number from 0 to 1 fixed by the family's name, another one for each purpose."""
    return int.from_bytes(hashlib.sha256(f"{purpose} {family}".encode()).digest()[:4], "big") / 2**32


def plain_captions(concept: Concept) -> list[str]:
    """The concept's short captions and tag lists, without its sentences: those may name its kind ("a flower").

    That word would give the probe the answer.
    """
    written = training_captions(concept, CAPTIONS * 3 // 2)
    return [caption for i, caption in enumerate(written) if i % 3 != 1]


@dataclass(frozen=True)
class World:
    """Concepts and pictures, the same for every encoder. Arrays over concepts: labels, held_out, fold, validation."""

    art: Path
    concepts: list[Concept]
    pictures: Pictures

    @classmethod
    def read(cls, art: Path) -> "World":
        concepts = read_concepts(art / "node_modules")
        return cls(art, concepts, read_pictures(art / "node_modules", concepts, art / "pictures.npz"))

    @cached_property
    def groups(self) -> list[str]:
        return sorted({concept.group for concept in self.concepts})

    @cached_property
    def labels(self) -> Rows:
        return np.array([self.groups.index(concept.group) for concept in self.concepts])

    @cached_property
    def held_out(self) -> Mask:
        return np.array([concept.held_out for concept in self.concepts])

    @cached_property
    def fold(self) -> Rows:
        return np.array([int(FOLDS * share_of(concept.family, "fold")) for concept in self.concepts])

    @cached_property
    def validation(self) -> Mask:
        return np.array([share_of(concept.family, "probe") < VALIDATION_SHARE for concept in self.concepts])


@dataclass(frozen=True)
class Material:
    """One encoder's unit vectors: images of concept image_concept[i], texts (concepts, CAPTIONS, d).

    Held-out concepts have no texts here (NaN): no probe may learn from them. new_vendor is a mask over image rows.
    """

    space: Space
    logit_scale: float
    text: Vectors
    image: Vectors
    image_concept: Rows
    new_vendor: Mask


def encode(world: World, folder: Path) -> Material:
    """All vectors of the encoder in `folder`; kept there in vectors.npz."""
    encoder = PocketEncoder(read_metrics(folder)["width"], folder=folder)
    space = Space(encoder.name, encoder.revision, encoder.dimension)
    cache = folder / "vectors.npz"
    if cache.is_file():
        with np.load(cache) as saved:
            if str(saved["revision"]) == encoder.revision:
                text, image = saved["text"], saved["image"]
                return _material(world, space, encoder, text, image)
    seen = [concept for concept in world.concepts if not concept.held_out]
    written = [caption for concept in seen for caption in plain_captions(concept)]
    features = text_features(encoder.pocket, written, world.art, _say)
    pixels = world.pictures.pixels
    image = through_image_head(encoder.pocket, plain_features(encoder.pocket, pixels, world.art, _say))
    text = np.full((len(world.concepts), CAPTIONS, encoder.dimension), np.nan, np.float32)
    text[~world.held_out] = through_head(encoder.pocket, features).reshape(-1, CAPTIONS, encoder.dimension)
    np.savez(cache, revision=encoder.revision, text=text, image=image)
    return _material(world, space, encoder, text, image)


def _material(world: World, space: Space, encoder: PocketEncoder, text: Vectors, image: Vectors) -> Material:
    scale = float(encoder.pocket.model.logit_scale.detach().exp())
    return Material(space, scale, text, image, world.pictures.concept, world.pictures.vendor == HELD_OUT_VENDOR)


def _say(line: str) -> None:
    print(line, file=sys.stderr)
