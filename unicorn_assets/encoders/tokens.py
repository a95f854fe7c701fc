"""Counting tokens with open_clip's three kinds of tokenizer: its own BPE, Hugging Face's, and SigLIP's."""

from collections.abc import Sequence
from typing import Any


def count_tokens(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Tokens of each text before truncation, special tokens included."""
    if not texts:
        return []
    if hasattr(tokenizer, "sot_token_id"):  # open_clip's own: one token before the text and one after
        return [len(tokenizer.encode(text)) + 2 for text in texts]
    clean = [tokenizer.clean_fn(text) for text in texts] if hasattr(tokenizer, "clean_fn") else list(texts)
    clips = getattr(tokenizer, "tokenizer_mode", "") == "clips"  # adds begin, end and class tokens itself
    found = tokenizer.tokenizer(clean, truncation=False, verbose=False, add_special_tokens=not clips)
    return [len(ids) + (3 if clips else 0) for ids in found["input_ids"]]


def used_lengths(tokenizer: Any, tokens: Any) -> list[int]:
    """Columns of each row of a padded token matrix up to its last token that is not padding."""
    inner = getattr(tokenizer, "tokenizer", None)
    pad = getattr(inner, "pad_token_id", None) or 0
    columns = (tokens != pad) * (1 + _arange(tokens.shape[1]))
    return [max(1, int(length)) for length in columns.max(dim=1).values]


def _arange(n: int) -> Any:
    import torch

    return torch.arange(n)
