"""English words: splitting text into words and sentences, content words, a light stem.

Plain rules without a model, so that a gate costs microseconds and gives the same verdict everywhere. What many gates
ask of one text (its words, sentences, stems) is found once and remembered for the last texts; all of it is read-only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

V = TypeVar("V")

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:['-][a-z0-9]+)*")
_MARKS = re.compile(r"[-'][-']")
_SPACED = bytes(ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else 32 for code in range(256))
_JOINED = bytes(code if code in b"-'" else spaced for code, spaced in enumerate(_SPACED))
_SENTENCE_END = re.compile(r"[.!?]([\"'”’)]*\s+)(?=[\"'“‘(]?[A-Z0-9])")
_TEXTS = 2048
"""Texts whose reading is remembered: a caption, its sentences, and the fields of its pairs."""
_WORDS = 1 << 16
LONG = 250
"""Characters from which a text is read by its sentences, which other rules read too."""

_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Mt|No|Jr|Sr|vs|etc|e\.g|i\.e|[A-Z])\.$")


class WordMemo(dict[str, V]):
    """What a function says of a word, told once: a look-up costs a tenth of a call."""

    def __init__(self, tell: Callable[[str], V]) -> None:
        super().__init__()
        self._tell = tell

    def __missing__(self, word: str) -> V:
        if len(self) >= _WORDS:
            self.clear()
        self[word] = found = self._tell(word)
        return found


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


@lru_cache(_TEXTS)
def words(text: str) -> tuple[str, ...]:
    """The words of `text` in lower case, in order; hyphens and apostrophes inside a word stay."""
    if len(text) > LONG and len(parts := sentences(text)) > 1:
        return tuple(chain.from_iterable(map(words, parts)))
    if text.isascii():
        return tuple(ascii_words(text))
    return tuple(" ".join(_WORD.findall(text)).lower().replace("’", "'").split())


def ascii_words(text: str) -> list[str]:
    """`words` of a text of ASCII, not remembered."""
    if "-" not in text and "'" not in text:
        return text.encode("ascii").translate(_SPACED).decode("ascii").split()
    plain = f" {text} ".encode("ascii").translate(_JOINED).decode("ascii")
    if " -" in plain or "- " in plain or " '" in plain or "' " in plain or _MARKS.search(plain):
        return _ASCII_WORD.findall(plain)
    return plain.split()


@lru_cache(_TEXTS)
def sentences(text: str) -> tuple[str, ...]:
    """`text` cut at sentence ends; abbreviations such as 'St.' do not end one."""
    if text in _WHOLE:
        return (text,)
    found: list[str] = []
    text, start = text.strip(), 0
    ends = [match.span(1) for match in _ends_in(text)]
    for end, next_start in [*ends, (len(text), len(text))] if ends else ():
        part, start = text[start:end], next_start
        if found and found[-1].endswith(".") and _ABBREVIATION.search(found[-1][-8:]):
            found[-1] += " " + part
        elif part:
            found.append(part)
    if not ends and text:
        found.append(text)
    if len(_WHOLE) > 4 * _TEXTS:
        _WHOLE.clear()
    _WHOLE.update(found)
    return tuple(found)


def _ends_in(text: str) -> Iterator[re.Match[str]]:
    """Where sentences may end; most texts have full stops alone, which are found faster than any of three marks."""
    if "!" in text or "?" in text:
        yield from _SENTENCE_END.finditer(text)
        return
    at = text.find(".")
    while at >= 0:
        found = _SENTENCE_END.match(text, at)
        if found is not None:
            yield found
        at = text.find(".", at + 1 if found is None else found.end())


_WHOLE: set[str] = set()
"""Sentences that were cut out of a text: nobody has to look for an end inside them again."""


def _stem(word: str) -> str:
    word = word.removesuffix("'s")
    for suffix, instead in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", ""), ("s", "")):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith(("ss", "us", "is")):
            word = word[: len(word) - len(suffix)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


_STEMS = WordMemo(_stem)


def stem(word: str) -> str:
    """A word without its regular ending, so that 'houses' meets 'house' and 'parked' meets 'parking'."""
    return _STEMS[word]


_TELLS: list[Callable[[str], Any]] = []
_TOLD: WordMemo[tuple[Any, ...]] = WordMemo(lambda word: tuple([tell(word) for tell in _TELLS]))


def by_word(tell: Callable[[str], V]) -> Callable[[str], list[V]]:
    """A function of a text: what `tell` says of each of its words, in order.

    All that is told of a word is kept in one place and read together, for a text's words are looked up but once.
    """
    place = len(_TELLS)
    _TELLS.append(tell)
    forget_words()
    return lambda text: [told[place] for told in _told(text)]


def forget_words() -> None:
    """For who changes what a function of `by_word` tells."""
    _TOLD.clear()
    _told.cache_clear()


@lru_cache(_TEXTS)
def _told(text: str) -> list[tuple[Any, ...]]:
    return [*map(_TOLD.__getitem__, words(text))]


_content = by_word(lambda word: "" if word in FUNCTION_WORDS else stem(word))


@lru_cache(_TEXTS)
def content(text: str) -> tuple[str, ...]:
    """Stems of the content words of `text`, in order, with repeats."""
    return tuple(filter(None, _content(text)))


@lru_cache(_TEXTS)
def content_set(text: str) -> frozenset[str]:
    """Stems of the content words of `text`."""
    if len(text) > LONG and len(parts := sentences(text)) > 1:
        return frozenset().union(*map(content_set, parts))
    return frozenset(content(text))


def ngrams(items: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """All runs of `size` items, in order."""
    return list(zip(*(items[start:] for start in range(size)), strict=False))


def share_in(items: Collection[str], where: Collection[str]) -> float:
    """Share of `items` that are in `where`; 1.0 when there are none."""
    return sum(item in where for item in items) / len(items) if items else 1.0


def runs_in(items: Sequence[str], where: Sequence[str]) -> bool:
    """Whether `items` stand in `where` one after the other, with nothing between them."""
    return not items or tuple(items) in ngrams(where, len(items))


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
