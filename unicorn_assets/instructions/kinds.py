"""What kind of answer a question asks for: a colour, a number, a place, somebody."""

from __future__ import annotations

import re

from unicorn_assets.curation.prose import COLOUR_STEMS, NUMBERS, Fault
from unicorn_assets.curation.signs import has, sign
from unicorn_assets.curation.words import content_set, stem, word_set, words

_PLACE = re.compile(
    r"\b(?:in|on|at|under|over|above|below|behind|beside|between|next|near|inside|outside|along|across|through|around|"
    r"against|among|into|onto|from|to|by|left|right|top|front|middle|background|foreground|of|up|down|beyond|"
    r"farther|further|high|low|there|here|upstairs|downstairs|indoors|outdoors|"
    r"outside|nowhere|everywhere|away|off|astride|atop|aboard|amid|amidst|opposite|past|within|toward|towards|"
    r"home|deep|halfway)\b",
    re.IGNORECASE,
)
ASKS_COLOUR = re.compile(r"\b(?:what|which) (?:\w+ )?colou?rs?\b", re.IGNORECASE)
_AMOUNTS = NUMBERS | word_set("none no nobody zero half both all twice once")
_GENERIC = word_set(
    "color colour kind type sort number many much thing object item people person main look like "
    "appear happen tell know"
)

GENERIC_STEMS = frozenset(stem(word) for word in _GENERIC)


_COLOUR = sign("colou?rs?")
_MANY = sign("many")
_HOW_MANY = re.compile(r"\bhow many\b", re.IGNORECASE)
_WHERE = re.compile(r"where\b", re.IGNORECASE)
_DIGIT = re.compile(r"\d")


def asks_colour(question: str) -> bool:
    """Whether the answer must be a colour."""
    return has(question, _COLOUR) and ASKS_COLOUR.search(question) is not None


def kind_fault(question: str, answer: str) -> Fault | None:
    """A colour for 'what colour', a number for 'how many', a place for 'where'; yes or no says too little."""
    said = words(answer)
    if said in (("yes",), ("no",)) or (said[:1] == ("yes",) and len(said) < 4):
        return Fault("bad_answer", "Yes or no alone says too little.")
    if asks_colour(question) and COLOUR_STEMS.isdisjoint(content_set(answer).union(said)):
        return Fault("wrong_kind", f"{answer!r} is not a colour.")
    if has(question, _MANY) and _HOW_MANY.search(question):
        held = content_set(answer).union(said)
        if _AMOUNTS.isdisjoint(held) and not _DIGIT.search(answer):
            return Fault("wrong_kind", f"{answer!r} is not a number.")
    if _WHERE.match(question) and not _PLACE.search(answer):
        return Fault("wrong_kind", f"{answer!r} is not a place.")
    return None
