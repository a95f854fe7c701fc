"""How the trained weights are updated: Muon for the image tower's matrices, AdamW for everything else.

The learning rate's course over a training lives here too; what is learned, and from what, in train.py.
"""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MATRIX_RATE = 2e-2  # Muon's, scaled to match AdamW's step size
PEAK_RATE = 2e-3  # AdamW's
HEAD_RATE = 2e-4  # the text head starts where it should stay near: see head_start
WEIGHT_DECAY = 0.1
WARM_UP = 80  # steps, at most a fifth of all


class Optimizer:
    """Both optimizers as one, over `steps` steps.

    Muon (Jordan et al. 2024) replaces a matrix's gradient by the nearest orthogonal matrix, so that rare directions
    are learnt as fast as common ones. Here it needs about half of AdamW's steps. A convolution is a matrix of
    (channels out, everything else).
    """

    def __init__(self, model: Any, steps: int) -> None:
        import torch

        self._trained = [p for p in model.parameters() if p.requires_grad]
        head = [p for name, p in model.named_parameters() if name.startswith("text.proj") and p.requires_grad]
        # The first convolution reads three colours: too narrow for an orthogonal update.
        tower = [p for p in model.visual.parameters() if p.requires_grad]
        self._matrices = [p for p in tower if p.ndim > 1 and p.shape[1] > 3]
        taken = {id(p) for p in [*head, *self._matrices]}
        rest = [p for p in self._trained if id(p) not in taken]
        # Muon takes two-dimensional weights only: these share memory with the convolutions.
        self._flat = [torch.nn.Parameter(p.detach().view(len(p), -1)) for p in self._matrices]
        # Decay is for matrices: pulling biases, norms and the logit scale to zero would only slow them.
        groups: list[dict[str, Any]] = [
            {"params": [p for p in rest if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
            {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
            {"params": head, "weight_decay": 0.0, "lr": HEAD_RATE},
        ]
        self._optimizers = [
            torch.optim.AdamW([group for group in groups if group["params"]], lr=PEAK_RATE, betas=(0.9, 0.98)),
            torch.optim.Muon(
                self._flat, lr=MATRIX_RATE, weight_decay=WEIGHT_DECAY, momentum=0.95, adjust_lr_fn="match_rms_adamw"
            ),
        ]
        self._schedules = [
            torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
            for optimizer in self._optimizers
        ]

    def step(self, loss: "torch.Tensor") -> None:
        """One update of all trained weights towards a lower loss."""
        import torch

        for parameter in self._trained:
            parameter.grad = None
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self._trained, 1.0)
        for flat, matrix in zip(self._flat, self._matrices, strict=True):
            flat.grad = None if matrix.grad is None else matrix.grad.reshape(len(matrix), -1)
        for optimizer, schedule in zip(self._optimizers, self._schedules, strict=True):
            optimizer.step()
            schedule.step()


def rate(step: int, steps: int) -> float:
    """Share of the peak learning rate: linear warm-up, then a cosine down to 1 %."""
    warm_up = min(WARM_UP, steps // 5)
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, done))) / 2
