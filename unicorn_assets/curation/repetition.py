"""Words that come again within a sentence, and whether that says nothing.

A head noun that is said of itself says nothing: 'the cat is a black cat', 'the cat wears a cat', 'the laundry is filled
with laundry'. All this says something, whatever word comes twice:
* an attribute (colour, number, material, size, shape, pattern, state) of another noun: 'the white cat has white paws';
* a noun in front of another: 'the kitchen has a kitchen table';
* one more of the kind: 'the horse is beside a brown horse', 'beside another horse', 'the left door is open and the
  right door is shut'.
Not here: sentences that repeat each other (captions/gates.py, near_duplicates.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import eq
from typing import NamedTuple

from unicorn_assets.curation.attributes import ATTRIBUTES
from unicorn_assets.curation.prose import Fault
from unicorn_assets.curation.signs import has, sign
from unicorn_assets.curation.things import thing
from unicorn_assets.curation.words import FUNCTION_WORDS, content, content_set, ngrams, stem, word_set, words

_ATTRIBUTES = ATTRIBUTES | word_set(
    """round oval circular triangular rectangular curved straight flat arched pointed narrow wide broad thick
    thin long slender slim deep shallow heavy striped dotted spotted checked checkered chequered plaid patterned
    floral smooth rough shiny glossy matte rusty rusted weathered worn cracked carved painted polished pale bright
    dark"""
)
"""Those of attributes.py, which contradict each other, and shapes, widths, patterns and surfaces, which hardly do. Not
here: words that are as often a noun (square, light, plain).
"""
_ATTRIBUTE_STEMS = frozenset(map(stem, _ATTRIBUTES))


def stutter(text: str) -> Fault | None:
    """Within one sentence: a content word three times (an attribute four times), a word twice in a row, or a pair of
    content words again, unless both are attributes.
    """
    plain, stems = words(text), content(text)
    double = [a for a, b in pairwise(plain) if a == b] if any(map(eq, plain, plain[1:])) else []
    thrice: list[str] = []
    pairs: list[tuple[str, ...]] = []
    of_itself = [a for a, b in _beside_of(plain) if stem(a) == stem(b)] if "of" in plain else []
    if len(stems) - len(content_set(text)) > 1:
        thrice = [word for word, count in Counter(stems).items() if count >= 3 + (word in _ATTRIBUTE_STEMS)]
        pairs = [pair for pair, count in Counter(ngrams(stems, 2)).items() if count >= 2]
        pairs = [pair for pair in pairs if not _ATTRIBUTE_STEMS.issuperset(pair)]
    again = double or of_itself or thrice or [" ".join(pair) for pair in pairs]
    return Fault("repetitive", f"{again[0]!r} is repeated within a sentence.") if again else None


def _beside_of(plain: Sequence[str]) -> list[tuple[str, str]]:
    """The words before and behind each 'of' that has both."""
    return [(plain[at - 1], plain[at + 1]) for at in range(1, len(plain) - 1) if plain[at] == "of"]


_SAYING = sign("is|are|wears|wear|has")
_SAYING_VERBS = word_set("is are wears wear has")
_ADVERBS = word_set("left right back top front far")
_NO_HEADS = _ATTRIBUTES | _ADVERBS
_OTHER = word_set("other others another second third neighbouring neighboring")
_BEGINS_NOUN = word_set("a an the its his her their this that these those one each some both all it they he she there")
_BEGINS_CLAUSE = word_set("and but so while whereas because as since for when where though although until")
_PLACED = word_set(
    """beside behind near between among above below past along towards toward beyond against under over around by
    across from to opposite before"""
)
_MEASURES = word_set("pair group row number couple herd flock line set pile stack front")
_RELATIONS = _PLACED | word_set(
    "of in on at with without into onto through off inside outside next in for about within among amid"
)


class _Noun(NamedTuple):
    """A run of content words, the function words in front of it, and the one of these that it hangs on."""

    words: tuple[str, ...]
    before: tuple[str, ...]
    relation: str | None


def circular(text: str) -> Fault | None:
    """The head noun of the subject, or a lone attribute, is said of itself. Subjects of more than three content words
    are not looked at: where they end is not known.
    """
    if len(content(text)) == len(content_set(text)) or not has(text, _SAYING):
        return None  # without a word that comes twice
    plain = words(text)
    verbs = _SAYING_VERBS.intersection(plain[1:])
    if not verbs:
        return None
    index = min([plain.index(verb, 1) for verb in verbs])
    if len({stem(word) for word in plain[:index] if word not in FUNCTION_WORDS} - _ADVERBS) > 3:
        return None
    subject = [noun for noun in _nouns(plain[:index]) if noun.relation not in _RELATIONS]
    if not subject:
        return None
    said = _said(plain[index + 1 :])
    again = _restated(subject[-1].words, said) or _only(subject[-1].words, said)
    return Fault("repetitive", f"It is said of {again!r} that it is itself.") if again else None


def _nouns(plain: Sequence[str]) -> Iterator[_Noun]:
    """Runs of content words, each with the function words between it and the one before."""
    run: list[str] = []
    before: list[str] = []
    last: _Noun | None = None
    for word in [*plain, "and"]:
        if word not in FUNCTION_WORDS:
            run.append(word)
            continue
        if run:
            relation = next((each for each in reversed(before) if each not in _BEGINS_NOUN), None)
            if relation == "of" and last is not None and last.words[-1] in _MEASURES:
                relation = "before" if last.words[-1] == "front" else last.relation  # 'next to a pair of horses'
            last = _Noun(tuple(run), tuple(before), relation)
            yield last
            run, before = [], []
        before.append(word)


def _head(run: Sequence[str]) -> str | None:
    """The word that the others of a run belong to: the last, but for participles ('the man standing')."""
    while run and run[-1].endswith(("ing", "ed")) and len(run[-1]) > 4 and not thing(run[-1]):
        run = run[:-1]
    return run[-1] if run and run[-1] not in _NO_HEADS else None


def _said(plain: Sequence[str]) -> tuple[str, ...]:
    """What is said of the subject: up to another of its kind, or to a clause with a subject of its own."""
    for at, word in enumerate(plain):
        follows = plain[at + 1] if at + 1 < len(plain) else ""
        if word in _OTHER or word == "whose" or (word in _BEGINS_CLAUSE and follows in _BEGINS_NOUN):
            return tuple(plain[:at])
    return tuple(plain)


def _restated(subject: Sequence[str], said: Sequence[str]) -> str | None:
    """The subject's head where what is said of it has the same head, and means no other one of the kind."""
    head = _head(subject)
    if head is None:
        return None
    for noun in _nouns(said):
        own = _head(noun.words)
        if own is None or stem(own) != stem(head):
            continue
        known = {"the", "this", "that", "these", "those"}.intersection(noun.before)
        if noun.relation not in _PLACED or known:
            return head
    return None


def _only(subject: Sequence[str], said: Sequence[str]) -> str | None:
    """The attribute of the subject that is all that is said: 'the white wall is white'."""
    rest = [word for word in said if word not in FUNCTION_WORDS]
    return rest[0] if len(rest) == 1 and rest[0] in subject and rest[0] not in _ADVERBS else None


def repeated_trigrams(text: str) -> float:
    """Share of the word 3-grams of `text` that occur more than once, 0 to 1."""
    plain = words(text)
    grams = ngrams(plain, 3)
    if len(set(grams)) == len(grams):
        return 0.0
    return sum(count for count in Counter(grams).values() if count > 1) / len(grams)
