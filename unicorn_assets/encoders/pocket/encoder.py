"""`PocketEncoder`: an `OpenClipEncoder` of the shipped weights. Loading the model lives in model.py."""

from pathlib import Path

from unicorn_assets.encoders.devices import CPU_BATCH_TOKENS
from unicorn_assets.encoders.open_clip_encoder import OpenClipEncoder
from unicorn_assets.encoders.pocket.files import identity
from unicorn_assets.encoders.pocket.model import load


class PocketEncoder(OpenClipEncoder):
    """The offline default encoder of texts and small pictures: an icon-domain model for demos and tests.

    `folder` names another trained encoder than the shipped one of this `width`; `pocket` is the model itself.
    """

    def __init__(
        self, width: str = "narrow", device: str = "cpu", folder: Path | None = None, *,
        batch_tokens: int = CPU_BATCH_TOKENS,
    ) -> None:  # fmt: skip
        self.pocket = load(width, device, folder)
        weights = identity(self.pocket.folder, width)
        super().__init__(self.pocket.model, self.pocket.tokenizer, weights, device=device, batch_tokens=batch_tokens)
