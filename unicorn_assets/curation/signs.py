"""Signs: which rules have to look at a text at all, told by its words in one pass.

A rule's pattern costs much more than a look at words, and most texts hold none of the words that it needs. So a rule
says which words call for it (`sign`), and asks whether a text has one (`has`). Every rule's signs are found together,
once per word and once per text. Not here: the rules.
"""

from __future__ import annotations

import re
from functools import lru_cache, reduce
from operator import or_

from unicorn_assets.curation.words import LONG, WordMemo, by_word, forget_words, sentences

_SIGNS: list[re.Pattern[str]] = []
_JOINT = re.compile(r"[-']")


def sign(pattern: str) -> int:
    """A bit for texts with a word, or a part of a hyphenated one, that matches as a whole; in lower case."""
    _SIGNS.append(re.compile(pattern, re.VERBOSE))
    _OF_WORD.clear()
    forget_words()
    signs.cache_clear()
    return 1 << (len(_SIGNS) - 1)


def _of_word(word: str) -> int:
    parts = {word, *_JOINT.split(word)}
    return sum(1 << bit for bit, called in enumerate(_SIGNS) if any(map(called.fullmatch, parts)))


_OF_WORD = WordMemo(_of_word)
_of_words = by_word(_OF_WORD.__getitem__)


def of_word(word: str) -> int:
    """The signs of one word."""
    return _OF_WORD[word]


@lru_cache(2048)
def signs(text: str) -> int:
    """The signs of all words of a text."""
    if len(text) > LONG and len(parts := sentences(text)) > 1:
        return reduce(or_, map(signs, parts), 0)
    return reduce(or_, _of_words(text), 0)


def has(text: str, wanted: int) -> bool:
    """Whether a text has one of these signs."""
    return signs(text) & wanted != 0
