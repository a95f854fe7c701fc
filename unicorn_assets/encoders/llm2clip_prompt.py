"""What LLM2CLIP's text encoder reads: a caption as one user turn of Llama 3's chat, and nothing after it.

The encoder was tuned on this prompt. It is spelled out here and does not depend on the name or the place a model is
loaded from, nor on a template that the tokenizer brings along: the usual wrapper recognises the model by its hub name
and encodes bare captions when it was loaded from a folder.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from unicorn_assets.encoders.tokens import Tokens
from unicorn_assets.errors import UserError

BEGIN = "<|begin_of_text|>"
HEADER = "<|start_header_id|>user<|end_header_id|>\n\n"
END = "<|eot_id|>"
WINDOW = 512  # tokens, the prompt's own included


def render(caption: str) -> str:
    """The whole prompt of a caption. White space around the caption does not count."""
    return f"{BEGIN}{HEADER}{caption.strip()}{END}"


class Prompt:
    """Captions as token ids, with the prompt set on a tokenizer that was loaded without any."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._head = self._ids([BEGIN + HEADER])[0]
        self._end = self._ids([END])[0]
        whole = self._ids([render("a dog")])[0]
        if len(self._end) != 1 or whole != self._head + self._ids(["a dog"])[0] + self._end:
            raise UserError(
                f"encoder.model: the tokenizer does not know Llama 3's chat marks such as {END}",
                "give the folder or id of a Llama 3 text encoder with its own tokenizer.json",
            )

    @property
    def skipped(self) -> int:
        """Tokens before the caption: read by the model, left out when its states are averaged."""
        return len(self._head)

    def __call__(self, captions: Sequence[str]) -> Tokens:
        """Token ids (n, longest) of each prompt, at most WINDOW, padded with 0. A caption that is too long loses its
        tail, never the end mark.
        """
        import torch

        room = WINDOW - len(self._head) - len(self._end)
        found = self._captions(captions)
        rows = [self._head + ids[:room] + self._end for ids in found]
        matrix = np.zeros((len(rows), max(map(len, rows), default=0)), np.int64)
        for row, ids in enumerate(rows):
            matrix[row, : len(ids)] = ids
        cut = [row for row, ids in enumerate(found) if len(ids) > room]
        return Tokens(torch.from_numpy(matrix), [len(ids) for ids in rows], cut)

    def _captions(self, captions: Sequence[str]) -> list[list[int]]:
        return self._ids([caption.strip() for caption in captions]) if captions else []

    def _ids(self, texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = self._tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        return found
