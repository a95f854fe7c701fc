"""The files of one trained pocket encoder: their names and how they are read. Needs numpy and safetensors, never torch.

A folder (one per gap width) holds
  open_clip_config.json          architecture, tokenizer and preprocessing, in open_clip's own format
  open_clip_model.safetensors    every trained weight, fp16; MiniLM itself comes from its installed package
  image_reference.safetensors    image vectors of the training vendors: mean, covariance, count, a sample and its names
  evaluation_pairs.safetensors   vectors of the held-out vendor's images and of their captions (see `EvaluationPairs`)
  evaluation_pairs.json          the concept, captions and split of each of those rows
  metrics.json, README.md        what training measured, and the card that is made of it (tools/pocket/card.py)
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open

from unicorn_assets.encoders.fingerprint import file_hash
from unicorn_assets.errors import UserError
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
REFERENCE = "image_reference.safetensors"
PAIRS = "evaluation_pairs.safetensors"
PAIRS_TEXT = "evaluation_pairs.json"

Floats = npt.NDArray[np.floating[Any]]


def model_folder(width: str = "narrow") -> Path:
    """Folder of the shipped encoder of this gap width; UserError when that width is not shipped."""
    folder = Path(__file__).parent / width
    if not (folder / WEIGHTS).is_file():
        raise UserError(
            f"no pocket encoder of width {width!r} is in this installation",
            f"train it: python -m tools.pocket.train --width {width} --art ART --out OUT, then give its folder",
        )
    return folder


def identity(folder: Path, width: str) -> tuple[str, str]:
    """Name, and revision of the weights: the first 12 hexadecimal digits of their sha256."""
    return f"pocket-{width}", file_hash(folder / WEIGHTS)


@dataclass(frozen=True)
class EvaluationPairs:
    """Real image-caption pairs of a vendor whose pictures were never trained on; row i of everything is one concept.

    vectors (n, d) float32 unit rows are the images', texts (n, d) float16 the captions', as this encoder gives them;
    captions are short ("An emoji of ..."); held_out (n,) bool says that the concept too, with its whole family, was
    kept out of training. The file of texts holds longer kinds of captions too.
    """

    vectors: Floats
    texts: Floats
    ids: list[str]
    captions: list[str]
    held_out: npt.NDArray[np.bool_]
    encoder: str
    revision: str


def unit_rows(vectors: Floats) -> Floats:
    """Rows divided by their length; storing them as fp16 moves the length by about 1e-3."""
    rows = vectors.astype(np.float32)
    units: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units


def read_reference(folder: Path | None = None, *, width: str = "narrow") -> tuple[Statistics, Floats]:
    """Statistics of the training pictures' vectors, and (n, d) float32 unit rows of a random sample of these.

    Of `folder`, by default that of the shipped encoder of this width.
    """
    with safe_open((folder or model_folder(width)) / REFERENCE, framework="np") as file:
        about, mean = file.metadata(), file.get_tensor("mean")
        space = Space(about["encoder"], about["revision"], len(mean))
        statistics = Statistics.from_moments(space, int(about["count"]), mean, file.get_tensor("covariance"))
        return statistics, unit_rows(file.get_tensor("vectors"))


def read_evaluation_pairs(folder: Path | None = None, *, width: str = "narrow") -> EvaluationPairs:
    """The evaluation pairs of `folder` (default: the shipped encoder of this width)."""
    folder = folder or model_folder(width)
    rows = json.loads((folder / PAIRS_TEXT).read_text(encoding="utf-8"))
    with safe_open(folder / PAIRS, framework="np") as file:
        about = file.metadata()
        return EvaluationPairs(
            vectors=unit_rows(file.get_tensor("vectors")),
            texts=file.get_tensor("texts"),
            ids=[row["id"] for row in rows],
            captions=[row["caption"] for row in rows],
            held_out=np.array([row["held_out"] for row in rows]),
            encoder=about["encoder"],
            revision=about["revision"],
        )
