"""Pictures of things that ImageNet has no class for: Fluent's modern emoji (MIT), as far as they show things.

The concepts and their words are the pocket encoder's (tools/pocket); faces, people, signs, flags and clocks stay out.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tools.pocket.captions import phrase, with_article
from tools.pocket.concepts import Concept, read_concepts
from tools.pocket.descriptions import descriptions
from tools.pocket.pictures import Pixels, drawn, names_of
from unicorn_assets.encoders.pictures import on_white
from unicorn_assets.encoders.pocket.photo_model import IMAGE_SIZE
from unicorn_assets.errors import UserError

GROUPS = ("food-drink", "animals-nature", "objects", "travel-places", "activities")
LEFT_OUT = ("time", "transport-sign")  # subgroups
MARGIN = 20  # pixels of white around a picture of IMAGE_SIZE, before all is scaled to IMAGE_SIZE
CACHE = "photo-emoji.npz"
BATCH = 16

Doubles = npt.NDArray[np.float64]


def emoji(photo: Any, art: Path) -> tuple[list[Concept], Doubles]:
    """The concepts shown, and (n, 1280) the photo network's features of their pictures; kept in `art`.

    `art` is the folder that scripts/train-pocket fetched.
    """
    modules = art / "node_modules"
    concepts = read_concepts(modules)
    if not (art / CACHE).is_file():
        files = sorted((modules / "fluentui-emoji" / "icons" / "modern").glob("*.svg"))
        documents = {file.stem: file.read_text(encoding="utf-8") for file in files}
        kept = {i for i, concept in enumerate(concepts) if shows_a_thing(concept)}
        names = {name: i for name, i in names_of(modules, concepts).items() if i in kept}
        found = drawn(modules, names, documents, IMAGE_SIZE)
        if not found:
            raise UserError(f"no emoji in {modules}", "fetch them: scripts/train-pocket")
        features = _features(photo, [pixels for _, pixels in found])
        np.savez(art / CACHE, concept=np.array([i for i, _ in found]), features=features)
    with np.load(art / CACHE) as saved:
        return [concepts[i] for i in saved["concept"]], saved["features"].astype(np.float64)


def shows_a_thing(concept: Concept) -> bool:
    """Whether its picture is of a thing, a plant, an animal or a place."""
    return concept.group in GROUPS and concept.subgroup not in LEFT_OUT


def emoji_captions(concepts: list[Concept]) -> list[list[str]]:
    """For each kind, a caption of every concept: its name ("A red apple."), and the description that names it."""
    short = [with_article(phrase(concept.label)) for concept in concepts]
    short = [text[0].upper() + text[1:] + "." for text in short]
    told = [descriptions().get(concept.hexcode, (text,))[0] for concept, text in zip(concepts, short, strict=True)]
    return [short, told]


def _features(photo: Any, pictures: list[Pixels]) -> npt.NDArray[np.float32]:
    import torch

    found, side = [], IMAGE_SIZE + 2 * MARGIN
    with torch.inference_mode():
        for start in range(0, len(pictures), BATCH):
            pixels = []
            for picture in pictures[start : start + BATCH]:
                canvas = Image.new("RGB", (side, side), "white")
                canvas.paste(on_white(Image.fromarray(picture)), (MARGIN, MARGIN))
                scaled = canvas.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
                pixels.append(torch.from_numpy(np.array(scaled)).permute(2, 0, 1).float() / 127.5 - 1)
            found.append(photo.forward_head(photo.forward_features(torch.stack(pixels)), pre_logits=True).numpy())
    return np.concatenate(found)
