"""What kind of answer a question asks for: a colour, a number, a place, somebody."""

from __future__ import annotations

import re
from itertools import takewhile

from unicorn_assets.curation.prose import COLOUR_STEMS, NUMBERS, Fault
from unicorn_assets.curation.signs import has, sign
from unicorn_assets.curation.things import names_person, there, thing, things
from unicorn_assets.curation.words import FUNCTION_WORDS, content, content_set, stem, word_set, words

_PLACE = re.compile(
    r"\b(?:in|on|at|under|over|above|below|behind|beside|between|next|near|inside|outside|along|across|through|around|"
    r"against|among|into|onto|from|to|by|left|right|top|front|middle|background|foreground|of|up|down|beyond|"
    r"farther|further|high|low|there|here|upstairs|downstairs|indoors|outdoors|"
    r"outside|nowhere|everywhere|away|off|astride|atop|aboard|amid|amidst|opposite|past|within|toward|towards|"
    r"home|deep|halfway)\b",
    re.IGNORECASE,
)
ASKS_COLOUR = re.compile(r"\b(?:what|which) (?:\w+ )?colou?rs?\b", re.IGNORECASE)
_AMOUNTS = NUMBERS | word_set(
    """none no nobody zero half both all twice once thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty
    thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands dozens couple handful nothing"""
)
_MORE_COLOURS = word_set(
    """coral salmon peach cobalt emerald azure rose plum mustard ginger chestnut hazel jade sapphire cyan ruby honey
    blond blonde straw sand ebony brass lemon lime mahogany terracotta pearl fawn buff rosy dark pale light bright
    transparent colourless colorless clear multicoloured multicolored striped"""
)
_NAMES_COLOUR = COLOUR_STEMS | {stem(word) for word in _MORE_COLOURS}
_CREATURES = word_set("animal mammal carnivore bird fish insect reptile vertebrate canine feline dog ungulate rodent")
_GROUPS = word_set(
    """one ones nobody everybody everyone somebody someone anyone none both all neither he she they him her them it this
    people person persons
    band orchestra choir class team crowd group pair couple family crew audience staff party gang troop"""
)
_TIME = re.compile(
    r"\d|\b(?:past|o'clock|noon|midday|midnight|dawn|dusk|day|days|daylight|morning|evening|night|afternoon|sunset|sunrise|"
    r"time|after|before|during|while|once|when|as|until|till|later|soon|now|just|not|never|always|already|moments?|minutes?|"
    r"hours?|weeks?|months?|years?|seconds?|spring|summer|autumn|fall|winter|early|late|earlier|in|at|on|between|today|"
    r"monday|tuesday|wednesday|thursday|friday|saturday|sunday|rush|season|twilight|nightfall)\b",
    re.IGNORECASE,
)
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
    if asks_colour(question) and _NAMES_COLOUR.isdisjoint(content_set(answer).union(said)):
        return Fault("wrong_kind", f"{answer!r} is not a colour.")
    if has(question, _MANY) and _HOW_MANY.search(question):
        held = {part for word in said for part in word.split("-")} | content_set(answer)
        if _AMOUNTS.isdisjoint(held) and not _DIGIT.search(answer):
            return Fault("wrong_kind", f"{answer!r} is not a number.")
    if _WHERE.match(question) and not _PLACE.search(answer):
        return Fault("wrong_kind", f"{answer!r} is not a place.")
    if _WHEN.match(question) and not _TIME.search(answer):
        return Fault("wrong_kind", f"{answer!r} is not a time.")
    if _WHO.match(question) and _is_nobody(answer):
        return Fault("wrong_kind", f"{answer!r} is nobody.")
    return _other_kind(question, answer)


_WHICH = re.compile(r"(?:which|what)(?: (?:kind|sort|type)s? of)? (\w+)\b", re.IGNORECASE)
_KINDS = word_set("animal bird fish insect fruit vegetable flower tree")
_TIME_ALONE = re.compile(
    r"(?:very )?(?:late|early)?\s*(?:at|in|on|before|after|since)? ?(?:the )?(?:night|noon|midnight|dawn|dusk|evening|"
    r"morning|afternoon|sunset|sunrise|spring|summer|autumn|winter|monday|tuesday|wednesday|thursday|friday|saturday|"
    r"sunday)\.?",
    re.IGNORECASE,
)


def _other_kind(question: str, answer: str) -> Fault | None:
    """'Which animal' answered without one though things are named, 'which dryer' answered by a time of day."""
    found = _WHICH.match(question)
    asked = found and (thing(found[1].lower()) or "")
    if not asked:
        return None
    if _TIME_ALONE.fullmatch(answer) and asked not in ("clock", "calendar"):
        return Fault("wrong_kind", f"{answer!r} is a time, which {question!r} does not ask for.")
    if asked not in _KINDS or asked in there(answer) or not _GROUPS.isdisjoint(words(answer)):
        return None
    if not things(answer) or names_person(answer) or asked in content(answer):
        return None
    return Fault("wrong_kind", f"{answer!r} names no {asked}.")


_WHEN = re.compile(r"(?:when|(?:at )?what time)\b", re.IGNORECASE)
_WHO = re.compile(r"who\b", re.IGNORECASE)
_TRADE = re.compile(r".{2,}(?:m[ae]n|wom[ae]n|persons?|people|boys?|girls?|[eo]rs?|ists?|ians?|ess|esses)")
"""Words for people are more than a list holds: 'postwoman', 'goatherder'."""


def _is_nobody(answer: str) -> bool:
    """Whether an answer names things, numbers or a place, but no person, animal or group. A name may be anybody's."""
    said = words(answer)
    if not _GROUPS.isdisjoint(said) or names_person(answer) or not _CREATURES.isdisjoint(there(answer)):
        return False
    head = list(takewhile(lambda word: word not in _OPENS, said))
    bare = [word for word in head if word not in FUNCTION_WORDS]
    if any(_TRADE.fullmatch(word) and thing(word) is None for word in bare):
        return False
    return any(map(thing, bare)) or all(word in _AMOUNTS or word.isdigit() for word in bare)


_OPENS = word_set("with of in on at by from under behind beside near next to who that which wearing holding carrying")
