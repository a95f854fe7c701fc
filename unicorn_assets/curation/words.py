"""English words: splitting text into words and sentences, content words, a light stem.

Plain rules without a model, so that a gate costs microseconds and gives the same verdict everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“‘(]?[A-Z0-9])")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Mt|No|Jr|Sr|vs|etc|e\.g|i\.e|[A-Z])\.$")


def word_set(text: str) -> frozenset[str]:
    """The words of a list that is written as plain text."""
    return frozenset(text.split())


FUNCTION_WORDS = word_set(
    """a an the this that these those its it they them their he she his her him one ones there here some any each every
    both all no not of in on at by to from with without for as into onto over under near next beside between behind
    above below across through along around against among up down out off inside outside and or but so while when where
    which who whom whose what why how if than then because is are was were be been being am has have had having do does
    did
    done can could may might will would shall should must also very too more most such other another own"""
)
"""Words that carry grammar, not content."""

MEDIUM_WORDS = word_set("photo photograph picture image close-up closeup shot view")
"""Words of a seed that name the medium; a caption need not repeat them."""

PERSON_WORDS = word_set(
    """man men woman women boy boys girl girls child children kid kids toddler baby person people adult adults couple
    family crowd bride groom grandmother grandfather mother father player players swimmer chef cook nurse doctor"""
)
_PERSON_ENDING = re.compile(
    r"(?:keeper|fighter|penter|maker|worker|dancer|singer|driver|rider|farmer|teacher|player|performer|customer|baker|"
    r"painter|potter|climber|barber|hunter|surfer|runner|skater|ist|ian|woman|women|(?<!hu)man|fishermen)s?$"
)


def names_person(text: str) -> bool:
    """Whether a word of `text` names a person, by a short list and the usual endings of trades."""
    return any(word in PERSON_WORDS or _PERSON_ENDING.search(word) for word in words(text))


def words(text: str) -> list[str]:
    """The words of `text` in lower case, in order; hyphens and apostrophes inside a word stay."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def sentences(text: str) -> list[str]:
    """`text` cut at sentence ends; abbreviations such as 'St.' do not end one."""
    found: list[str] = []
    for part in _SENTENCE_END.split(text.strip()):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] += " " + part
        elif part:
            found.append(part)
    return found


def stem(word: str) -> str:
    """A word without its regular ending, so that 'houses' meets 'house' and 'parked' meets 'parking'."""
    word = word.removesuffix("'s")
    for suffix, instead in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith(("ss", "us", "is")):
            word = word[: len(word) - len(suffix)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def content(text: str) -> list[str]:
    """Stems of the content words of `text`, in order, with repeats."""
    return [stem(word) for word in words(text) if word not in FUNCTION_WORDS]


def ngrams(items: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """All runs of `size` items, in order."""
    return [tuple(items[start : start + size]) for start in range(len(items) - size + 1)]


def share_in(items: Sequence[str], where: set[str]) -> float:
    """Share of `items` that are in `where`; 1.0 when there are none."""
    return sum(item in where for item in items) / len(items) if items else 1.0


def runs_in(items: Sequence[str], where: Sequence[str]) -> bool:
    """Whether `items` stand in `where` one after the other, with nothing between them."""
    return tuple(items) in ngrams(where, len(items))


_FOREIGN_WORDS = word_set(
    """de la le les el los las un une una unos unas des du dans sur avec et est sont y con para por en al del der die
    das den dem ein eine einen einem einer auf mit unter neben zwischen ist sind und il lo gli di della nel su uma um os
    as dos das com na em het een op met van voor onder paa som ar"""
)
_ELSEWHERE = _FOREIGN_WORDS - FUNCTION_WORDS
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")


def reads_as_english(text: str) -> bool:
    """A guess from script and small words: whether `text` could be English. Content words alone count as English."""
    letters = [character for character in text if character.isalpha()]
    if letters and sum(bool(_LATIN.match(letter)) for letter in letters) * 2 < len(letters):
        return False
    plain = [word.lower() for word in re.findall(r"[^\W\d_]+", text)]
    return sum(word in _ELSEWHERE for word in plain) <= sum(word in FUNCTION_WORDS for word in plain)
