"""`PocketEncoder`: lists of texts or pictures in, unit vectors out. Loading the model lives in model.py."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from unicorn_assets.encoders.pocket.files import revision
from unicorn_assets.encoders.pocket.model import load

if TYPE_CHECKING:
    from PIL.Image import Image

Vectors = npt.NDArray[np.float32]
_STRIP = 512  # rows of pixels


class PocketEncoder:
    """The offline default encoder of texts and small pictures: an icon-domain model for demos and tests.

    name and revision (of the weights) identify the vectors; dimension is their length; window the number of word
    pieces that are read of a text, the two special ones included: the tail of a longer text has no effect.
    """

    def __init__(self, width: str = "narrow", device: str = "cpu", folder: Path | None = None) -> None:
        self.pocket = load(width, device, folder)
        self.device = device
        self.name = f"pocket-{width}"
        self.revision = revision(self.pocket.folder)
        self.dimension: int = self.pocket.model.text.output_dim
        self.window: int = self.pocket.tokenizer.context_length

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each text before truncation, special ones included: above `window` the text is cut."""
        if not texts:
            return []
        tokenizer = self.pocket.tokenizer
        clean = [tokenizer.clean_fn(text) for text in texts]
        return [len(ids) for ids in tokenizer.tokenizer(clean, truncation=False, verbose=False)["input_ids"]]

    def encode_texts(self, texts: Sequence[str], batch: int = 64) -> Vectors:
        """(n, dimension) unit rows in the order of `texts`; texts of similar length share a batch to save padding."""
        import torch

        vectors = np.zeros((len(texts), self.dimension), np.float32)
        by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        with torch.inference_mode():
            for start in range(0, len(texts), batch):
                rows = by_length[start : start + batch]
                pieces = self.pocket.tokenizer([texts[i] for i in rows])
                longest = int((pieces != 0).sum(1).max())  # 0 is the padding piece; attention ignores it
                found = self.pocket.model.encode_text(pieces[:, :longest].to(self.device), normalize=True)
                vectors[rows] = found.float().cpu().numpy()
        return vectors

    def encode_images(self, images: "Sequence[Image]", batch: int = 64) -> Vectors:
        """(n, dimension) unit rows; transparent pictures are laid on white, all are padded to 128 x 128 pixels."""
        import torch

        vectors = np.zeros((len(images), self.dimension), np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), batch):
                pixels = torch.stack([self.pocket.preprocess(on_white(i)) for i in images[start : start + batch]])
                found = self.pocket.model.encode_image(pixels.to(self.device), normalize=True)
                vectors[start : start + batch] = found.float().cpu().numpy()
        return vectors


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
