"""A loaded open_clip model as an `Encoder`: sorted batches, short padding where the model allows it.

Finding and loading models lives in open_clip_loading.py.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.encoders.batches import by_budget, encode_batches
from unicorn_assets.encoders.devices import CPU_BATCH_TOKENS
from unicorn_assets.encoders.pictures import PictureEncoder
from unicorn_assets.encoders.protocol import TOLERANCE, Progress, unit_float32
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
        self._model, self._tokenizer, self._device, self._batch_tokens = model, tokenizer, device, batch_tokens
        self._input_dtype = get_input_dtype(precision)
        self._preprocess = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
        self._require_pictures()
        self.trims = self._can_trim()
        self.dimension: int = self._forward(tokenizer(list(_PROBES[:1]))).shape[1]

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text before truncation, special tokens included."""
        return _count_tokens(self._tokenizer, texts)

    def encode_texts(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows in the order of `texts`."""
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        tokens = self._tokenizer(list(texts))
        lengths = _used_lengths(self._tokenizer, tokens) if self.trims else [tokens.shape[1]] * len(texts)

        def encode(rows: list[int]) -> NDArray[np.float32]:
            return self._forward(tokens[rows, : max(lengths[row] for row in rows)])

        vectors = np.empty((len(texts), self.dimension), np.float32)
        return encode_batches(by_budget(lengths, self._batch_tokens), encode, vectors, on_progress)

    def _seen(self, pixels: Any) -> Any:
        return self._model.encode_image(pixels.to(self._device, self._input_dtype), normalize=True)

    def _forward(self, tokens: Any) -> NDArray[np.float32]:
        """Vectors of a token matrix that may be narrower than the window."""
        import torch

        with torch.inference_mode():
            tokens = tokens.to(self._device)
            width = tokens.shape[1]
            shorter = {
                name: tensor[:width, :width] if name.endswith("attn_mask") else tensor[:width]
                for name, tensor in self._position_tensors()
            }
            if width == self.window or not shorter:
                return unit_float32(self._model.encode_text(tokens, normalize=True))
            # The plain CLIP class adds all its positions to the tokens; lend it positions of the same width.
            found = torch.func.functional_call(self._model, shorter, args=(None, tokens))
            return unit_float32(found["text_features"] if isinstance(found, dict) else found[1])

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
        tokens = self._tokenizer(list(_PROBES))
        longest = max(_used_lengths(self._tokenizer, tokens))
        try:
            short = self._forward(tokens[:, :longest])
        except (RuntimeError, ValueError, IndexError):
            return False
        limit = TOLERANCE if self.dtype == "fp32" else _HALF_ROUNDING
        return bool(np.linalg.norm(short - self._forward(tokens), axis=1).max() <= limit)


def _count_tokens(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Tokens of each text before truncation, special tokens included."""
    if not texts:
        return []
    if hasattr(tokenizer, "sot_token_id"):  # open_clip's own: one token before the text and one after
        return [len(tokenizer.encode(text)) + 2 for text in texts]
    clean = [tokenizer.clean_fn(text) for text in texts] if hasattr(tokenizer, "clean_fn") else list(texts)
    clips = getattr(tokenizer, "tokenizer_mode", "") == "clips"  # adds begin, end and class tokens itself
    found = tokenizer.tokenizer(clean, truncation=False, verbose=False, add_special_tokens=not clips)
    return [len(ids) + (3 if clips else 0) for ids in found["input_ids"]]


def _used_lengths(tokenizer: Any, tokens: Any) -> list[int]:
    """Columns of each row of a padded token matrix up to its last token that is not padding."""
    import torch

    inner = getattr(tokenizer, "tokenizer", None)
    pad = getattr(inner, "pad_token_id", None) or 0
    columns = (tokens != pad) * (1 + torch.arange(tokens.shape[1]))
    return [max(1, int(length)) for length in columns.max(dim=1).values]
