"""Random variations of training pictures, so that the image head learns shapes rather than one vendor's pixels.

No mirroring: arrows, flags and letters would change their meaning. Works on whole batches.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MEAN, STD = 0.5, 0.5  # of model.py's preprocessing


def augment(pixels: "torch.Tensor", generator: "torch.Generator", size: int) -> "torch.Tensor":
    """(n, 64, 64, 4) uint8 RGBA to (n, 3, size, size) float32, normalised as the encoder's own preprocessing does."""
    import torch

    n = len(pixels)

    def uniform(low: float, high: float, *shape: int) -> "torch.Tensor":
        return torch.empty(n, *shape).uniform_(low, high, generator=generator)

    picture = pixels.permute(0, 3, 1, 2).float() / 255
    alpha = picture[:, 3:]
    picture = _moved(torch.cat([picture[:, :3] * alpha, alpha], 1), size, uniform)
    colour, alpha = picture[:, :3], picture[:, 3:]
    plain = (uniform(0, 1, 1, 1, 1) < 0.4).float()
    background = plain + (1 - plain) * uniform(0, 1, 3, 1, 1)
    rgb = colour + (1 - alpha) * background
    rgb = (rgb - 0.5) * uniform(0.7, 1.3, 1, 1, 1) + 0.5 + uniform(-0.12, 0.12, 1, 1, 1)
    rgb = rgb * uniform(0.85, 1.15, 3, 1, 1)
    grey = (uniform(0, 1, 1, 1, 1) < 0.1).float()
    rgb = (grey * rgb.mean(1, keepdim=True) + (1 - grey) * rgb).clamp(0, 1)
    return (_erased(rgb, uniform) - MEAN) / STD


def _moved(picture: "torch.Tensor", size: int, uniform: "Uniform") -> "torch.Tensor":
    """Turned by up to 15 degrees, scaled, stretched and shifted; what comes in from outside is transparent."""
    import torch
    from torch.nn import functional

    angle, scale, stretch = uniform(-0.26, 0.26), uniform(0.9, 1.35), uniform(0.88, 1.14)
    shift = uniform(-0.12, 0.12, 2)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = [torch.stack([cos * stretch, -sin, shift[:, 0]], 1), torch.stack([sin, cos / stretch, shift[:, 1]], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), [*picture.shape[:2], size, size], align_corners=False)
    return functional.grid_sample(picture, grid, align_corners=False)


def _erased(rgb: "torch.Tensor", uniform: "Uniform") -> "torch.Tensor":
    """A quarter of the pictures with one rectangle in a random colour over them."""
    import torch

    size = rgb.shape[-1]
    place = torch.arange(size).float()[None] / size
    half, centre = uniform(0.06, 0.2, 2), uniform(0.1, 0.9, 2)
    across = (place - centre[:, :1]).abs() < half[:, :1]
    down = (place - centre[:, 1:]).abs() < half[:, 1:]
    covered = across[:, None, None, :] & down[:, None, :, None] & (uniform(0, 1, 1, 1, 1) < 0.25)
    return torch.where(covered, uniform(0, 1, 3, 1, 1), rgb)


if TYPE_CHECKING:
    from collections.abc import Callable

    Uniform = Callable[..., torch.Tensor]
