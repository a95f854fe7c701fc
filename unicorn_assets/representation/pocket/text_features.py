"""What the frozen MiniLM makes of the training captions: computed once and kept, as training sees each many times."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unicorn_assets.representation.pocket.model import Pocket

BATCH = 128

Features = npt.NDArray[np.float16]


def text_features(pocket: Pocket, texts: list[str], cache: Path, say: Callable[[str], None]) -> Features:
    """(n, 384) mean-pooled MiniLM features, not normalised, as the head receives them; `cache` is a folder."""
    name = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
    file = cache / f"text-{name}.npy"
    if file.is_file():
        kept: Features = np.load(file)
        return kept
    features = _compute(pocket, texts, say)
    cache.mkdir(parents=True, exist_ok=True)
    np.save(file, features)
    return features


def _compute(pocket: Pocket, texts: list[str], say: Callable[[str], None]) -> Features:
    import torch

    text: Any = pocket.model.text
    text.eval()
    features = np.zeros((len(texts), text.config.hidden_size), np.float16)
    by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    with torch.inference_mode():
        for start in range(0, len(texts), BATCH):
            rows = by_length[start : start + BATCH]
            pieces = pocket.tokenizer([texts[i] for i in rows])
            mask = (pieces != 0).long()
            longest = int(mask.sum(1).max())
            pieces, mask = pieces[:, :longest], mask[:, :longest]
            pooled = text.pooler(text.transformer(input_ids=pieces, attention_mask=mask), mask)
            features[rows] = pooled.half().numpy()
            if start // BATCH % 40 == 0:
                say(f"captions read by MiniLM: {start} of {len(texts)}")
    return features
