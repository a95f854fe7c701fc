"""How pictures enter an encoder: in RGB, on white, in the model's size, some at a time. Not here: what a model sees."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.encoders.batches import IMAGE_BATCH, Fetch, by_budget, encode_batches
from unicorn_assets.encoders.devices import fetching
from unicorn_assets.encoders.protocol import Progress

if TYPE_CHECKING:
    from PIL.Image import Image

_STRIP = 512  # rows of pixels


class PictureEncoder(ABC):
    """The picture side of an `Encoder`; `_preprocess` makes (3, height, width) float32 tensors of pictures."""

    dimension: int
    _preprocess: Callable[["Image"], Any]

    @abstractmethod
    def _seen(self, pixels: Any) -> Any:
        """(n, dimension) tensor of prepared pictures (n, 3, height, width); gradients are off."""

    def encode_images(self, images: "Sequence[Image]", on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows in the order of `images`; transparent parts are laid on white."""
        return self.encode_prepared([self.prepare_image(image) for image in images], on_progress)

    def prepare_image(self, image: "Image") -> Any:
        """The image in the model's size: a (3, height, width) float32 tensor. May run in any thread."""
        return self._preprocess(on_white(image))

    def encode_prepared(self, prepared: Sequence[Any], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows of images that went through `prepare_image`."""
        import torch

        def encode(rows: list[int]) -> Fetch:
            with torch.inference_mode():
                return fetching(self._seen(torch.stack([prepared[row] for row in rows])))

        vectors = np.empty((len(prepared), self.dimension), np.float32)
        return encode_batches(by_budget([1] * len(prepared), IMAGE_BATCH), encode, vectors, on_progress)


def on_white(image: "Image") -> "Image":
    """The picture in RGB, with white where it was transparent (open_clip's own conversion would show black)."""
    from PIL import Image

    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    found = Image.new("RGB", image.size)
    for top in range(0, image.height, _STRIP):  # a large picture need not be there four times
        part = image.crop((0, top, image.width, min(top + _STRIP, image.height))).convert("RGBA")
        found.paste(Image.alpha_composite(Image.new("RGBA", part.size, "white"), part).convert("RGB"), (0, top))
    return found
