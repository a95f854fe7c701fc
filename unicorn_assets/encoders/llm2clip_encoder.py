"""LLM2CLIP as an `Encoder`: Llama 3 reads a caption in both directions, an adapter maps its mean state to images.

Finding and loading the parts lives in llm2clip_loading.py, the prompt in llm2clip_prompt.py.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.encoders.batches import by_budget, encode_batches
from unicorn_assets.encoders.devices import CPU_BATCH_TOKENS
from unicorn_assets.encoders.llm2clip_loading import Parts
from unicorn_assets.encoders.llm2clip_prompt import WINDOW
from unicorn_assets.encoders.pictures import PictureEncoder
from unicorn_assets.encoders.protocol import Progress, unit_float32


class Llm2ClipEncoder(PictureEncoder):
    """An `Encoder` over the parts of an LLM2CLIP model. Vectors are fp32 whatever the model computes in."""

    window = WINDOW

    def __init__(
        self,
        parts: Parts,
        identity: tuple[str, str],
        *,
        device: str = "cpu",
        precision: str = "fp32",
        batch_tokens: int = CPU_BATCH_TOKENS,
    ) -> None:
        from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
        from open_clip.transform import PreprocessCfg, image_transform_v2

        self.name, self.revision = identity
        self.dtype = precision
        self.dimension: int = parts.adapter.dimension
        self._parts, self._device, self._batch_tokens = parts, device, batch_tokens
        # The image tower started as OpenAI's CLIP and takes its pictures.
        shape = PreprocessCfg(size=parts.image_size, mean=OPENAI_DATASET_MEAN, std=OPENAI_DATASET_STD)
        self._preprocess = image_transform_v2(shape, is_train=False)

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text before truncation, those of the prompt included."""
        return self._parts.prompt.counts(texts)

    def encode_texts(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows in the order of `texts`."""
        tokens = self._parts.prompt.tokens(texts)

        def encode(rows: list[int]) -> NDArray[np.float32]:
            return self._forward([tokens[row] for row in rows])

        vectors = np.empty((len(texts), self.dimension), np.float32)
        batches = by_budget([len(ids) for ids in tokens], self._batch_tokens)
        return encode_batches(batches, encode, vectors, on_progress)

    def _seen(self, pixels: Any) -> Any:
        tower = self._parts.tower
        return tower(pixels.to(self._device, tower.dtype)).image_embeds

    def _forward(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        """Vectors of prompts, padded on the right to the longest of them."""
        import torch

        llama, longest = self._parts.llama, max(map(len, tokens))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in tokens], device=self._device)
        lengths = torch.tensor([len(row) for row in tokens], device=self._device)
        place = torch.arange(longest, device=self._device)
        real = place < lengths[:, None]  # (n, longest)
        with torch.inference_mode():
            # A mask of four dimensions is taken as it is: each token sees all real tokens, also those after it.
            least = torch.finfo(llama.dtype).min
            mask = torch.zeros(real.shape, dtype=llama.dtype, device=self._device).masked_fill(~real, least)
            mask = mask[:, None, None, :].expand(-1, -1, longest, -1)
            states = llama(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
            # Only the caption and the mark that ends it are averaged; in fp32, as a long sum would lose digits.
            kept = (real & (place >= self._parts.prompt.skipped)).float()
            mean = torch.einsum("nld,nl->nd", states.float(), kept) / kept.sum(1, keepdim=True)
            return unit_float32(self._parts.adapter(mean))
