"""Phrases of a caption that can answer a question: what a small model may choose from when answers are extractive.

A plain cut, without a parser: a phrase starts at an article, number or possessive and runs over content words to the
next function word, punctuation or likely verb ('-ing', '-ed', and '-s' after 'a' or 'an'). Some are clumsy; the model
picks, the gates judge.
"""

from __future__ import annotations

import re

from unicorn_assets.curation.prose import COLOURS, NUMBERS
from unicorn_assets.curation.words import FUNCTION_WORDS, word_set

_STARTS = word_set("a an the its his her their two three four five six seven eight nine ten several many")
_PREPOSITIONS = word_set(
    "in on at under over above below behind beside between near inside outside along across through around against "
    "into onto by from"
)
_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[.,;:!?]")
_MOST_WORDS = 4


def spans(caption: str) -> list[str]:
    """Phrases as they stand in the caption ('a red hat', 'on a wooden table') and its colours, each once, in order.

    Empty when the caption has none; a schema must then leave the answer free.
    """
    tokens = _TOKEN.findall(caption)
    found: list[str] = []
    for start, token in enumerate(tokens):
        lower = token.lower()
        if lower in COLOURS:
            found.append(lower.capitalize())
        if lower not in _STARTS:
            continue
        end = start + 1
        while end < len(tokens) and end - start <= _MOST_WORDS and _is_content(tokens[end]):
            if end > start + 1 and _likely_verb(tokens[end], after=lower):
                break
            end += 1
        if end - start < 2:
            continue
        phrase = " ".join(tokens[start:end])
        found.append(phrase[0].upper() + phrase[1:])
        if start and tokens[start - 1].lower() in _PREPOSITIONS:
            found.append(f"{tokens[start - 1].capitalize()} {phrase}")
    return list(dict.fromkeys(found))


def _is_content(token: str) -> bool:
    lower = token.lower()
    return token[0].isalnum() and lower not in FUNCTION_WORDS and lower not in NUMBERS


def _likely_verb(token: str, after: str) -> bool:
    if after in ("a", "an") and token.endswith("s") and not token.endswith(("ss", "us")):
        return True
    return len(token) > 4 and token.endswith(("ing", "ed"))
