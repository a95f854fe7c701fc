"""LLM2CLIP's text adapter: residual blocks, a normalisation and a linear map into the space of images.

    v  = norm(mean of Llama's states)
    v <- v + B gelu(A layernorm(v))      for each block
    y  = W layernorm(v) (+ b)

The number of blocks and all widths are read from the weights. Shape after LLM2CLIP (arXiv 2411.04997).
"""

import re
from typing import Any

from unicorn_assets.errors import UserError

PREFIX = "text_adapter.adaptor."


def text_adapter(weights: dict[str, Any], where: str) -> Any:
    """A torch module, (n, width) fp32 -> (n, dimension) fp32; UserError when weights are missing or unknown.

    `weights` may hold other names too; those that start with PREFIX are all used.
    """
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width: int, inner: int) -> None:
            super().__init__()
            # The second place is a dropout in training; it keeps the published names of the weights.
            self.fn = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Identity(), nn.Linear(inner, width))
            self.ln = nn.LayerNorm(width)

        def forward(self, states: Any) -> Any:
            return states + self.fn(self.ln(states))

    class Adapter(nn.Module):
        def __init__(self, width: int, inners: list[int], dimension: int, bias: bool) -> None:
            super().__init__()
            self.width, self.dimension = width, dimension
            blocks = [Block(width, inner) for inner in inners]
            self.adaptor = nn.Sequential(*blocks, nn.LayerNorm(width), nn.Linear(width, dimension, bias=bias))

        def forward(self, states: Any) -> Any:
            return self.adaptor(nn.functional.normalize(states.float(), dim=-1))

    own = {name.removeprefix(PREFIX): value.float() for name, value in weights.items() if name.startswith(PREFIX)}
    blocks = sum(re.fullmatch(r"\d+\.fn\.0\.weight", name) is not None for name in own)
    try:
        inners = [own[f"{number}.fn.0.weight"].shape[0] for number in range(blocks)]
        last = own[f"{blocks + 1}.weight"]
        with torch.device("meta"):
            made = Adapter(last.shape[1], inners, last.shape[0], f"{blocks + 1}.bias" in own)
        made.adaptor.load_state_dict(own, assign=True)
    except (KeyError, RuntimeError) as error:
        raise UserError(
            f"{where}: its text adapter has another shape than LLM2CLIP's: {str(error).splitlines()[0]}",
            f"its weights must be named {PREFIX}<number>. ...",
        ) from None
    return made
