"""A LLaVA-like model, trained and asked without waste: batches of one length, logits where a caption is, nothing twice.

It is the model of unicorn_assets.training.llava. Not here: which vectors a condition has (vectors.py).
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.training.llava import WARM_UP, image_outputs, llava_model

if TYPE_CHECKING:
    import torch

Rows = NDArray[np.float32]
Tokens = list[int]
ASKED_AT_ONCE = 64


class Reader:
    """A projector and an LLM that read a vector and say a caption. Same seed and LLM, same beginning."""

    def __init__(self, llm: Any, tokenizer: Any, dimension: int, seed: int, device: str = "cpu") -> None:
        import torch

        torch.manual_seed(seed)
        self.tokenizer = copy.deepcopy(tokenizer)
        self.model = llava_model(copy.deepcopy(llm), self.tokenizer, dimension, 1).to(device)
        self.scale, self.device = math.sqrt(dimension), device

    def tokens(self, captions: Sequence[str]) -> list[Tokens]:
        """Of each caption with its end."""
        found = self.tokenizer(list(captions), add_special_tokens=False)["input_ids"]
        return [[*ids, self.tokenizer.eos_token_id] for ids in found]

    def log_likelihood(self, vectors: Rows, said: Sequence[Tokens]) -> "torch.Tensor":
        """(n,) sum over each caption's tokens; all captions of one length."""
        import torch

        start = self.tokenizer.bos_token_id
        before = ([] if start is None else [start]) + [self.model.config.image_token_index]
        ids = torch.tensor([[*before, *one[:-1]] for one in said], device=self.device)
        seen = image_outputs(self.model, torch.from_numpy(vectors * self.scale).to(self.device), 1)
        hidden = self.model.model(input_ids=ids, mm_encoder_outputs=seen, use_cache=False).last_hidden_state
        # Whole rows of one matrix: on a slice of three dimensions the product is computed row by row.
        states = hidden[:, len(before) - 1 :].reshape(-1, hidden.shape[-1])
        logits = self.model.lm_head(states).float()
        targets = torch.tensor(said, device=self.device)
        loss = torch.nn.functional.cross_entropy(logits, targets.reshape(-1), reduction="none")
        return -loss.reshape(targets.shape).sum(1)


def train(
    reader: Reader, captions: Sequence[str], vectors: Callable[[int], Rows], *, part: str, epochs: int,
    first_epoch: int, rate: float, batch: int, seed: int,
) -> Iterator[float]:  # fmt: skip
    """Train `part` ("projector" or "all") for some epochs, the first of which is `first_epoch`.

    Yields each step's loss a token.
    """
    import torch

    reader.model.requires_grad_(part == "all")
    reader.model.model.vision_tower.requires_grad_(False)
    reader.model.model.multi_modal_projector.requires_grad_(True)
    learnt = [each for each in reader.model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=rate, weight_decay=0.0, fused=True)
    said = reader.tokens(captions)
    plan = [
        (epoch, rows)
        for epoch in range(first_epoch, first_epoch + epochs)
        for rows in batches(said, batch, seed, epoch)
    ]
    warm = max(1, round(WARM_UP * len(plan)))
    now, current = -1, np.empty((0, 0), np.float32)
    for step, (epoch, rows) in enumerate(plan):
        if epoch != now:
            now, current = epoch, vectors(epoch)
        factor = min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / len(plan))))
        for group in optimizer.param_groups:
            group["lr"] = rate * factor
        told = [said[row] for row in rows]
        loss = -reader.log_likelihood(current[rows], told).sum() / sum(map(len, told))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learnt, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield float(loss.detach())


def batches(said: Sequence[Tokens], size: int, seed: int, epoch: int) -> list[list[int]]:
    """An epoch's batches of at most `size` rows of one length each, so that nothing is padded, in a drawn order."""
    rng = np.random.default_rng([seed, epoch])
    by_length: dict[int, list[int]] = {}
    for row in rng.permutation(len(said)).tolist():
        by_length.setdefault(len(said[row]), []).append(row)
    found = [rows[at : at + size] for rows in by_length.values() for at in range(0, len(rows), size)]
    return [found[place] for place in rng.permutation(len(found)).tolist()]


def scores(reader: Reader, vectors: Rows, captions: Sequence[Sequence[str]]) -> Rows:
    """(questions, choices) log-likelihoods of each question's captions at its vector, (questions, d)."""
    import torch

    flat = [caption for choices in captions for caption in choices]
    known = dict(zip(dict.fromkeys(flat), reader.tokens(list(dict.fromkeys(flat))), strict=True))
    said = [known[caption] for caption in flat]
    of = np.repeat(np.arange(len(captions)), [len(choices) for choices in captions])
    found = np.empty(len(flat), np.float32)
    with torch.inference_mode():
        for rows in batches(said, ASKED_AT_ONCE, 0, 0):
            told = [said[row] for row in rows]
            found[rows] = reader.log_likelihood(vectors[of[rows]], told).float().cpu().numpy()
    return found.reshape(len(captions), -1)


def gains(reader: Reader, vectors: Rows, captions: Sequence[Sequence[str]]) -> tuple[Rows, Rows]:
    """(questions, choices): log-likelihood less that at the mean vector, and that at the mean vector by itself.

    The second hangs on the caption alone, so each caption is asked once.
    """
    alone = list(dict.fromkeys(caption for choices in captions for caption in choices))
    mean = vectors.mean(0, dtype=np.float64).astype(np.float32)
    at_mean = dict(
        zip(alone, scores(reader, np.tile(mean, (len(alone), 1)), [[one] for one in alone])[:, 0], strict=True)
    )
    prior = np.array([[at_mean[caption] for caption in choices] for choices in captions], np.float32)
    return scores(reader, vectors, captions) - prior, prior


def right(scored: Rows) -> NDArray[np.float64]:
    """(questions,): 1 where the first choice, the right one, scores highest; a tie of k counts 1 / k."""
    best = scored == scored.max(1, keepdims=True)
    share: NDArray[np.float64] = best[:, 0] / best.sum(1)
    return share
