"""What the frozen MiniLM makes of the training captions, computed once and kept; and where the text head starts."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unicorn_assets.encoders.pocket.model import DIMENSION, Pocket

if TYPE_CHECKING:
    import torch

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


def through_head(pocket: Pocket, features: Features) -> npt.NDArray[np.float32]:
    """(n, 256) unit rows: what the encoder makes of texts, from MiniLM's features, which all encoders share."""
    import torch

    with torch.inference_mode():
        found = pocket.model.text.proj(torch.from_numpy(features).float())
        vectors: npt.NDArray[np.float32] = torch.nn.functional.normalize(found, dim=-1).numpy()
    return vectors


def head_start(features: Features) -> "torch.Tensor":
    """(256, 384) weights of a linear head that keeps MiniLM's geometry as well as 256 dimensions can.

    Rows are the orthonormal principal directions of the concepts' mean features (concepts, captions, 384), the common
    mean's own direction taken out: all captions share it, and it says nothing about any of them. A head that starts
    here and is moved slowly leaves concepts that were never trained on among their neighbours in meaning.
    """
    import torch

    means = features.astype(np.float64).mean(axis=1)
    common = means.mean(axis=0)
    without = np.eye(means.shape[1]) - np.outer(common, common) / (common @ common)
    centred = (means - common) @ without
    _, directions = np.linalg.eigh(centred.T @ centred)
    return torch.from_numpy(np.ascontiguousarray(directions[:, ::-1][:, :DIMENSION].T)).float()


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
