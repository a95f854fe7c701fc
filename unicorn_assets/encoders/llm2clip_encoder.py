"""LLM2CLIP as an `Encoder`: Llama 3 reads a caption in both directions, an adapter maps its mean state to images.

Finding and loading the parts lives in llm2clip_loading.py, the prompt in llm2clip_prompt.py.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.encoders.batches import Fetch, embed
from unicorn_assets.encoders.devices import CPU_BATCH_TOKENS, fetching, sent
from unicorn_assets.encoders.llm2clip_loading import Parts
from unicorn_assets.encoders.llm2clip_prompt import WINDOW
from unicorn_assets.encoders.pictures import PictureEncoder
from unicorn_assets.encoders.protocol import Progress, TextVectors
from unicorn_assets.encoders.tokens import Tokens


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

    def encode_texts(self, texts: Sequence[str], on_progress: Progress | None = None) -> NDArray[np.float32]:
        """(n, dimension) unit rows in the order of `texts`."""
        return self.embed_texts(texts, on_progress).vectors

    def embed_texts(self, texts: Sequence[str], on_progress: Progress | None = None) -> TextVectors:
        """Vectors (n, dimension) in the order of `texts`, and the rows that were cut."""

        def send(tokens: Tokens, rows: list[int]) -> Fetch:
            used = [tokens.used[row] for row in rows]
            return self._forward(tokens.ids[rows, : max(used)], used)

        return embed(texts, self._parts.prompt, send, self.dimension, self._batch_tokens, on_progress)

    def _seen(self, pixels: Any) -> Any:
        tower = self._parts.tower
        return tower(pixels.to(self._device, tower.dtype)).image_embeds

    def _forward(self, tokens: Any, used: list[int]) -> Fetch:
        """Vectors of prompts, padded on the right to the longest of them, under way."""
        import torch

        llama, longest = self._parts.llama, tokens.shape[1]
        ids, lengths = sent(tokens, self._device), sent(torch.tensor(used), self._device)
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
            return fetching(self._parts.adapter(mean))
