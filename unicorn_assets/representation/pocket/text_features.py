"""What the frozen MiniLM makes of the training captions: computed once and kept, as training sees each many times."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unicorn_assets.representation.pocket.model import Pocket

BATCH = 128
CACHE = "text-features.npz"

Features = npt.NDArray[np.float16]


def text_features(pocket: Pocket, texts: list[str], cache: Path, say: Callable[[str], None]) -> Features:
    """(n, 384) mean-pooled MiniLM features, not normalised, as the head receives them; `cache` is a folder."""
    known: dict[str, Features] = {}
    if (cache / CACHE).is_file():
        with np.load(cache / CACHE) as saved:
            known = dict(zip(saved["texts"].tolist(), saved["features"], strict=True))
    new = sorted({text for text in texts if text not in known}, key=len)
    if new:
        known |= dict(zip(new, _compute(pocket, new, say), strict=True))
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(cache / CACHE, texts=np.array(list(known)), features=np.stack(list(known.values())))
    return np.stack([known[text] for text in texts])


def _compute(pocket: Pocket, texts: list[str], say: Callable[[str], None]) -> Features:
    """Features of texts that are sorted by length, so that a batch needs little padding."""
    import torch

    text: Any = pocket.model.text
    text.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(texts), BATCH):
            pieces = pocket.tokenizer(texts[start : start + BATCH])
            pieces = pieces[:, : int((pieces != 0).sum(1).max())]
            mask = (pieces != 0).long()
            found.append(text.pooler(text.transformer(input_ids=pieces, attention_mask=mask), mask).half().numpy())
            if start // BATCH % 20 == 0:
                say(f"captions read by MiniLM: {start} of {len(texts)}")
    return np.concatenate(found)
