"""Methods of other papers, as far as their formulas say how: rows of the table, no methods of the package.

Each is fitted on unpaired unit rows, texts (n, d) and images (m, d), and gives two functions from rows to unit rows:
what the probe is trained on, and what a real image becomes. No code of the papers was used.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Move = Callable[[Vectors], Vectors]

SHARP = 0.05  # entropy of the transport, and width of the graph's similarities: cosines over this
ROUNDS = 200  # of Sinkhorn's scaling
DIRECTIONS = 64  # of the graph


def transported(texts: Vectors, images: Vectors) -> tuple[Move, Move]:
    """Optimal transport (2505.03703): each text becomes the mean of the images that an entropic plan brings it to.

    Cost 1 - cosine about each side's mean, uniform weights; a text that the plan has not seen takes the plan's image
    potentials (Pooladian and Niles-Weed 2021). Images stay as they are.
    """
    text_mean, image_mean = texts.mean(axis=0), images.mean(axis=0)
    to = _unit(images - image_mean)
    kernel = np.exp((_unit(texts - text_mean) @ to.T - 1) / SHARP).astype(np.float64)
    weight = np.ones(len(images))
    for _ in range(ROUNDS):
        weight = (1 / len(images)) / (kernel.T @ ((1 / len(texts)) / (kernel @ weight)))

    def moved(rows: Vectors) -> Vectors:
        plan = np.exp((_unit(rows - text_mean) @ to.T - 1) / SHARP) * weight
        return _unit((plan / plan.sum(axis=1, keepdims=True)) @ images)

    return moved, lambda rows: rows


def spectral(texts: Vectors, images: Vectors) -> tuple[Move, Move]:
    """Spectral (2505.03703): both sides in the leading directions of the graph that ties texts to images.

    Its weights are exp(cosine / SHARP) about each side's mean; normalised by degrees, its singular vectors place texts
    and images in one space, without the first, which is constant. New rows are placed among those they are tied to.
    """
    text_mean, image_mean = texts.mean(axis=0), images.mean(axis=0)
    y, x = _unit(texts - text_mean), _unit(images - image_mean)
    tied = np.exp((y @ x.T - 1) / SHARP).astype(np.float64)
    left, right = np.sqrt(tied.sum(axis=1)), np.sqrt(tied.sum(axis=0))
    u, s, v = np.linalg.svd(tied / left[:, None] / right, full_matrices=False)
    kept = slice(1, 1 + DIRECTIONS)
    placed_texts, placed_images = u[:, kept] / left[:, None] / s[kept], v[kept].T / right[:, None] / s[kept]

    def moved(rows: Vectors) -> Vectors:
        ties = np.exp((_unit(rows - text_mean) @ x.T - 1) / SHARP)
        return _unit((ties / ties.sum(axis=1, keepdims=True)) @ placed_images)

    def image_side(rows: Vectors) -> Vectors:
        ties = np.exp((_unit(rows - image_mean) @ y.T - 1) / SHARP)
        return _unit((ties / ties.sum(axis=1, keepdims=True)) @ placed_texts)

    return moved, image_side


def textme(texts: Vectors, images: Vectors, anchor: Vectors, seed: int) -> tuple[Move, Move]:
    """TextME (2602.03098): both sides about their own means, through a projector into a text model's space (n, k).

    The projector has two layers with a GELU between and is trained on texts alone, by contrast within the batch.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    text_mean, image_mean = texts.mean(axis=0), images.mean(axis=0)
    y, wanted = torch.from_numpy(_unit(texts - text_mean)), torch.from_numpy(_unit(anchor - anchor.mean(axis=0)))
    d, hidden, k = texts.shape[1], 512, anchor.shape[1]
    model = nn.Sequential(nn.Linear(d, hidden), nn.GELU(), nn.Linear(hidden, k))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    for _ in range(200):
        rows = torch.randint(len(y), (128,))
        scores = nn.functional.normalize(model(y[rows] * d**0.5), dim=-1) @ wanted[rows].T / 0.07
        loss = nn.functional.cross_entropy(scores, torch.arange(len(rows)))
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()

    def through(mean: Vectors) -> Move:
        def moved(rows: Vectors) -> Vectors:
            with torch.inference_mode():
                found = model(torch.from_numpy(_unit(rows - mean)) * d**0.5)
            return _unit(found.numpy())

        return moved

    return through(text_mean), through(image_mean)


def _unit(rows: NDArray[np.floating]) -> Vectors:
    found: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found
