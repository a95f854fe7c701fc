"""The trained layers after the frozen towers: one member's, and how several members become the model's own.

A member that never saw a concept treats its pictures like those of any new thing. Averaged with the members that did
see it, pictures of trained concepts draw fewer texts to themselves that are about others; otherwise new pictures are
hardly ever the best answer. The average of two-layer heads is one wider two-layer head, so the model needs no extra
parts. How a member is trained is in train.py.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.pocket.text_features import Features, head_start
from unicorn_assets.encoders.pocket.model import DIMENSION, HIDDEN, IMAGE_FEATURES, Pocket

if TYPE_CHECKING:
    import torch

MEMBERS = 4
UNITS = HIDDEN // MEMBERS  # of each, between its two layers
WIDE_SCALE = 100.0  # the logit scale at which CLIP ends; keeps the two sides far apart
FIRST_SCALE = 1 / 0.07  # CLIP's own start
LARGEST_SCALE = math.log(100)


class Heads:
    """One member's layers: `image` (n, 1472) to (n, 256), `text` (n, 384) to (n, 256), `scale`, the logit scale's log.

    features (concepts, captions, 384) give the text head its start; photo (n, 1280) and thumbnails (n, 192) of the
    training pictures say how each image feature is measured.
    """

    def __init__(self, features: Features, photo: Features, thumbnails: Features, *, wide: bool) -> None:
        import torch
        from torch import nn

        self.spread = torch.from_numpy(
            np.concatenate([part.astype(np.float32).std(axis=0) + 1e-3 for part in (photo, thumbnails)])
        )
        # The photo network's mean stays in: all pictures share it, as they do in CLIP, and so it opens the gap wherever
        # nothing presses to close it.
        middle = thumbnails.astype(np.float32).mean(axis=0)
        self.middle = torch.from_numpy(np.concatenate([np.zeros(photo.shape[1], np.float32), middle]))
        self.image = nn.Sequential(nn.Linear(IMAGE_FEATURES, UNITS), nn.GELU(), nn.Linear(UNITS, DIMENSION, bias=False))
        self.text = nn.Linear(features.shape[-1], DIMENSION, bias=False)
        self.text.load_state_dict({"weight": head_start(features)})
        start = torch.tensor(math.log(WIDE_SCALE if wide else FIRST_SCALE))
        self.scale = nn.Parameter(start, requires_grad=not wide)

    def trained(self) -> list["torch.nn.Parameter"]:
        """All that a step may move."""
        always = [*self.image.parameters(), *self.text.parameters()]
        return [*always, self.scale] if self.scale.requires_grad else always

    def scaled(self, photo: Features, thumbnails: Features) -> "torch.Tensor":
        """(n, 1472): image features as the image head receives them while it is trained."""
        import torch

        return (torch.from_numpy(np.concatenate([photo, thumbnails], axis=1)).float() - self.middle) / self.spread


def merge(members: list[Heads], pocket: Pocket, photo: Features, thumbnails: Features) -> None:
    """Put the members' average into the model. Each counts alike: by its answers' mean length on these pictures.

    The text heads started at the same place and moved little: their weights are averaged.
    """
    import torch

    head: Any = pocket.model.visual.trunk.head
    with torch.no_grad():
        weights, biases, out = [], [], []
        for one in members:
            state = one.image.state_dict()
            weights.append(state["0.weight"] / one.spread)
            biases.append(state["0.bias"] - weights[-1] @ one.middle)
            length = one.image(one.scaled(photo, thumbnails)).norm(dim=1).mean()
            out.append(state["2.weight"] / (length * len(members)))
        head[0].weight.copy_(torch.cat(weights))
        head[0].bias.copy_(torch.cat(biases))
        head[2].weight.copy_(torch.cat(out, dim=1))
        pocket.model.text.proj.weight.copy_(torch.stack([one.text.weight for one in members]).mean(dim=0))
        pocket.model.logit_scale.fill_(torch.stack([one.scale for one in members]).mean())
