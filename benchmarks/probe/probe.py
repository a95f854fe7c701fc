"""The one probe of the benchmark: a small classifier from a vector to a group (docs/transfer-quality.md: why this one).

Written down before it was run and the same for every method. Nothing here knows where vectors come from.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

HIDDEN = 256
STEPS = 300
BATCH = 128
RATE = 1e-3  # peak; falls to zero along a cosine
WEIGHT_DECAY = 0.01

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
Answer = Callable[[Vectors], Rows]


def train_probe(
    vectors: Vectors,
    rows_of: list[Rows],
    labels: Rows,
    classes: int,
    seed: int,
    noised: Callable[[Vectors, int], Vectors] | None = None,
    steps: int = STEPS,
) -> Answer:
    """A function from (n, d) unit vectors to n predicted classes.

    Each draw takes a concept, then one of its vectors (`rows_of[concept]` are its rows, `labels[concept]` its class):
    a concept with many captions or pictures counts as one with few. `noised(batch, draw)` adds noise, anew each time.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    d = vectors.shape[1]
    model: Any = nn.Sequential(nn.Linear(d, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, classes))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    counts = np.array([len(rows) for rows in rows_of])
    starts = np.cumsum(counts) - counts
    flat = np.concatenate(rows_of)
    for step in range(steps):
        concepts = rng.integers(len(rows_of), size=BATCH)
        chosen = vectors[flat[starts[concepts] + (rng.random(BATCH) * counts[concepts]).astype(np.int64)]]
        if noised is not None:
            chosen = noised(chosen, seed * steps + step)
        loss = nn.functional.cross_entropy(model(_scaled(chosen)), torch.from_numpy(labels[concepts]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()

    def answer(asked: Vectors) -> Rows:
        with torch.inference_mode():
            found: Rows = model(_scaled(asked)).argmax(1).numpy()
        return found

    return answer


def _scaled(vectors: Vectors) -> Any:
    """Unit vectors times sqrt(d): components of about 1, the size that the layers' usual start is made for."""
    import torch

    return torch.from_numpy(vectors) * math.sqrt(vectors.shape[1])
