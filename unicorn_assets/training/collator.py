"""From samples to a batch: token ids with places for the image, labels on what the model must say, vectors.

Each turn is tokenized by itself, so that where an answer begins and ends is known and never searched for; padding is
known by its length, so that a tokenizer whose padding is its end of text loses no end of text. (Bunny's template
searches, counts ends of text as padding, and ignores whole samples when the two disagree.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from unicorn_assets.errors import UserError
from unicorn_assets.training.dataset import Sample

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""Label of a token that the loss leaves out."""
IMAGE = "<image>"


@dataclass(frozen=True)
class Template:
    """How turns become text: `system` first, then `human` and `gpt`, each with {} for the turn's words.

    `caption_only`: the image, then the answer, whatever was asked: what LLaVA calls plain, for pretraining.
    """

    system: str = ""
    human: str = "{}"
    gpt: str = "{}"
    caption_only: bool = False


PLAIN = Template(caption_only=True)
CHAT = Template(
    system="A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions. ",
    human="USER: {} ASSISTANT:",
    gpt=" {}",
)


class Collator:
    """Makes a batch of samples: input_ids, attention_mask, labels (batch, longest), vectors (batch, dimension).

    `image_tokens`: how many places, filled with `image_token_id`, the one vector takes (the paper: 576). `dtype` of the
    vectors: float32 or bfloat16. A sample longer than `max_length` tokens loses its end; loss is on answers alone.
    `tokenizer` is one of transformers, or anything that has eos_token_id and whose call gives input_ids.
    """

    def __init__(
        self, tokenizer: Any, *, image_token_id: int, image_tokens: int = 576,
        dtype: Literal["float32", "bfloat16"] = "bfloat16", template: Template = CHAT, max_length: int = 2048,
    ) -> None:  # fmt: skip
        if dtype not in ("float32", "bfloat16"):
            raise UserError(f"a batch in {dtype} is not possible", "choose float32 or bfloat16")
        if not 1 <= image_tokens < max_length:
            raise UserError(
                f"{image_tokens} image tokens in a sequence of {max_length} leave no room for text",
                "choose fewer image tokens or a longer sequence",
            )
        if tokenizer.eos_token_id is None:
            raise UserError("the tokenizer has no end of text", "set its eos_token: answers must end somewhere")
        self.tokenizer, self.template = tokenizer, template
        self.image = [image_token_id] * image_tokens
        self.dtype, self.max_length = dtype, max_length

    def __call__(self, samples: Sequence[Sample]) -> "dict[str, torch.Tensor]":
        """The batch; a UserError names a sample without a vector, or one whose turns are not a dialogue."""
        import torch

        rows = [self.tokens(sample) for sample in samples]
        longest = max(len(ids) for ids, _ in rows)
        end = self.tokenizer.eos_token_id
        fill = end if self.tokenizer.pad_token_id is None else self.tokenizer.pad_token_id
        input_ids = np.full((len(rows), longest), fill, dtype=np.int64)
        labels = np.full((len(rows), longest), IGNORED, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for row, (ids, said) in enumerate(rows):
            input_ids[row, : len(ids)], labels[row, : len(ids)], mask[row, : len(ids)] = ids, said, 1
        vectors = torch.from_numpy(np.stack([_vector(sample) for sample in samples]))
        return {
            "input_ids": torch.from_numpy(input_ids), "attention_mask": torch.from_numpy(mask),
            "labels": torch.from_numpy(labels), "vectors": vectors.to(getattr(torch, self.dtype)),
        }  # fmt: skip

    def tokens(self, sample: Sample) -> tuple[list[int], list[int]]:
        """(token ids, labels) of a sample, cut to max_length."""
        bos = getattr(self.tokenizer, "bos_token_id", None)
        ids = [] if bos is None else [bos]
        labels = [IGNORED] * len(ids)
        for text, learnt in self._pieces(sample):
            piece = self.image if text == IMAGE else self._text(text)
            if learnt:
                piece = [*piece, self.tokenizer.eos_token_id]
            ids += piece
            labels += piece if learnt else [IGNORED] * len(piece)
        if self.image[0] in ids[self.max_length :]:
            raise UserError(f"the image of {sample['id']} lies behind max_length {self.max_length}", "make it longer")
        return ids[: self.max_length], labels[: self.max_length]

    def _pieces(self, sample: Sample) -> list[tuple[str, bool]]:
        """Texts in order, and whether the model is to say them."""
        turns = sample["conversations"]
        if [turn["from"] for turn in turns] != ["human", "gpt"] * (len(turns) // 2) or not turns:
            raise UserError(f"the turns of {sample['id']} do not alternate from human to gpt", "check your records")
        if turns[0]["value"].count(IMAGE) != 1 or any(IMAGE in turn["value"] for turn in turns[1:]):
            raise UserError(f"{sample['id']} must carry {IMAGE} once, in its first turn", "check your records")
        if self.template.caption_only:
            return [(IMAGE, False), (turns[1]["value"], True)]
        pieces = [(self.template.system, False)]
        for turn in turns:
            said = turn["from"] == "gpt"
            text = (self.template.gpt if said else self.template.human).replace("{}", turn["value"])
            before, mark, after = text.partition(IMAGE)
            pieces += [(before, said), (IMAGE, False), (after, said)] if mark else [(text, said)]
        return [piece for piece in pieces if piece[0]]

    def _text(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def _vector(sample: Sample) -> Any:
    vector = sample.get("vector")
    if vector is None:
        raise UserError(
            f"sample {sample.get('id', 'without an id')!r} has no vector",
            "every record of a batch must be of a release that holds one",
        )
    return vector
