"""A loaded open_clip model as an `Encoder`: sorted batches, short padding where the model allows it.

Finding and loading models lives in open_clip_loading.py, tokens in open_clip_tokens.py.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.encoders.batches import Fetch, embed
from unicorn_assets.encoders.devices import CPU_BATCH_TOKENS, fetching, sent
from unicorn_assets.encoders.open_clip_tokens import reader
from unicorn_assets.encoders.pictures import PictureEncoder
from unicorn_assets.encoders.protocol import TOLERANCE, Progress, TextVectors
from unicorn_assets.encoders.tokens import Tokens
from unicorn_assets.errors import UserError

_HALF_ROUNDING = 0.02  # distance of unit vectors: more than half precision rounds, less than attended padding does
_PROBES = ("a dog", "a small brown dog runs over wet grass towards its owner in the rain")


class OpenClipEncoder(PictureEncoder):
    """An `Encoder` over any open_clip model and its tokenizer. Vectors are fp32 whatever the model computes in."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        identity: tuple[str, str],
        *,
        device: str = "cpu",
        precision: str = "fp32",
        batch_tokens: int = CPU_BATCH_TOKENS,
    ) -> None:
        from open_clip import get_input_dtype
        from open_clip.transform import PreprocessCfg, image_transform_v2

        self.name, self.revision = identity
        self.dtype = precision
        self.window: int = tokenizer.context_length
        self._model, self._device, self._batch_tokens = model, device, batch_tokens
        self._read = reader(tokenizer)
        self._input_dtype = get_input_dtype(precision)
        self._preprocess = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
        self._require_pictures()
        self.trims = self._can_trim()
        self.dimension: int = self._forward(self._read(_PROBES[:1]).ids)().shape[1]

    def encode_texts(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows in the order of `texts`."""
        return self.embed_texts(texts, on_progress).vectors

    def embed_texts(self, texts: Sequence[str], on_progress: Progress | None = None) -> TextVectors:
        """Vectors (n, dimension) in the order of `texts`, and the rows that were cut."""

        def send(tokens: Tokens, rows: list[int]) -> Fetch:
            width = max(tokens.used[row] for row in rows) if self.trims else tokens.ids.shape[1]
            return self._forward(tokens.ids[rows, :width])

        return embed(texts, self._read, send, self.dimension, self._batch_tokens, on_progress)

    def _seen(self, pixels: Any) -> Any:
        return self._model.encode_image(pixels.to(self._device, self._input_dtype), normalize=True)

    def _forward(self, tokens: Any) -> Fetch:
        """Vectors of a token matrix that may be narrower than the window, under way."""
        import torch

        with torch.inference_mode():
            tokens = sent(tokens, self._device)
            width = tokens.shape[1]
            shorter = {
                name: tensor[:width, :width] if name.endswith("attn_mask") else tensor[:width]
                for name, tensor in self._position_tensors()
            }
            if width == self.window or not shorter:
                return fetching(self._model.encode_text(tokens, normalize=True))
            # The plain CLIP class adds all its positions to the tokens; lend it positions of the same width.
            found = torch.func.functional_call(self._model, shorter, args=(None, tokens))
            return fetching(found["text_features"] if isinstance(found, dict) else found[1])

    def _require_pictures(self) -> None:
        """UserError when the model's settings make no picture of a picture; a wrong one would spoil each of them."""
        import torch
        from PIL import Image

        found = self.prepare_image(Image.new("RGB", (9, 6), (200, 100, 50)))
        if not bool(torch.isfinite(found).all()):
            raise UserError("its settings for images give NaN or Inf", "give a model that open_clip saved")

    def _position_tensors(self) -> list[tuple[str, Any]]:
        names = ("positional_embedding", "attn_mask")
        return [(name, tensor) for name in names if (tensor := getattr(self._model, name, None)) is not None]

    def _can_trim(self) -> bool:
        """Whether padding can be cut off without changing vectors. Some text towers attend to padding: so try it."""
        tokens = self._read(_PROBES)
        try:
            short = self._forward(tokens.ids[:, : max(tokens.used)])()
        except (RuntimeError, ValueError, IndexError):
            return False
        limit = TOLERANCE if self.dtype == "fp32" else _HALF_ROUNDING
        return bool(np.linalg.norm(short - self._forward(tokens.ids)(), axis=1).max() <= limit)
