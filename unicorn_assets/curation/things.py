"""Nouns for things that can be seen, and what kind of thing each is: a finch is a songbird is a bird.

From WordNet by scripts/nouns.py (nouns.txt; its licence lies beside it). By this a gate knows that 'the bird' stands
for a finch that was named before, and that a bicycle that nobody named was made up. Not here: adjectives, actions, what
is abstract.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise

from unicorn_assets.curation.words import (
    FUNCTION_WORDS,
    LONG,
    WordMemo,
    by_word,
    content_set,
    sentences,
    stem,
    word_set,
    words,
)

_IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "teeth": "tooth",
    "geese": "goose", "mice": "mouse", "oxen": "ox", "knives": "knife", "wolves": "wolf", "loaves": "loaf",
    "shelves": "shelf", "halves": "half", "calves": "calf", "hooves": "hoof", "scarves": "scarf", "elves": "elf",
    "wives": "wife", "policemen": "policeman", "firemen": "fireman",
}  # fmt: skip
_ROLES = word_set(
    """man woman boy girl child kid adult lady guy gentleman mother father parent son daughter brother sister husband
    wife couple family friend neighbor neighbour visitor guest customer buyer seller vendor owner passenger patient
    traveler traveller tourist viewer spectator onlooker observer bystander passerby pedestrian commuter player
    driver rider worker crew member team crowd audience class leader opponent partner companion baby infant toddler
    teenager elder figure shopper diner reader holder bearer"""
)
_PRONOUNS = word_set("he she his her him himself herself who")
_VAGUE = word_set(
    """thing object item piece part side way place person people someone anyone somebody nobody everyone line air water
    sun light room floor ground colour color colours shade shades remains stay stays work works world arm leg sea
    ocean workshop worktable shelter shop house home building person liquid sky street load block tank leftovers
    contents content dish fish tool device picture frame scene material equipment"""
)


@cache
def _nouns() -> dict[str, frozenset[str]]:
    """Each noun, its other names and all that it is a kind of."""
    lines = (files(__package__) / "nouns.txt").read_text("ascii").splitlines()
    return {line.partition(" ")[0]: frozenset(line.split()) for line in lines}


@cache
def _wholes() -> dict[str, frozenset[str]]:
    """Of a noun the things that it is a part of."""
    lines = (files(__package__) / "parts.txt").read_text("ascii").splitlines()
    return {line.partition(" ")[0]: frozenset(line.split()[1:]) for line in lines}


def _thing(word: str) -> str | None:
    nouns = _nouns()
    forms = [word, _IRREGULAR.get(word, "")]
    if word.endswith("ies"):
        forms.append(f"{word[:-3]}y")
    elif word.endswith("s") and not word.endswith("ss"):
        forms.append(word[:-2] if word.endswith(("ches", "shes", "sses", "xes", "zes", "oes")) else word[:-1])
    return next((form for form in forms if form in nouns), None)


_THINGS = WordMemo(_thing)


def thing(word: str) -> str | None:
    """The singular of a noun for a thing that can be seen; None for any other word."""
    return _THINGS[word]


_named = by_word(lambda word: "" if word in FUNCTION_WORDS else _THINGS[word] or "")


def kinds(word: str) -> frozenset[str]:
    """A thing, its other names, and what it is a kind of, however far above."""
    return _nouns().get(word, frozenset())


@lru_cache(2048)
def things(text: str) -> frozenset[str]:
    """The things that a text names, in the singular."""
    if len(text) > LONG and len(parts := sentences(text)) > 1:
        return frozenset().union(*map(things, parts))
    found = frozenset(filter(None, _named(text)))
    if "-" in text:
        found |= {
            name for word in words(text) if "-" in word and word not in FUNCTION_WORDS
            for part in word.split("-") if (name := _THINGS[part]) is not None
        }  # fmt: skip
    return found


def is_part(part: str, whole: str) -> bool:
    """Whether one thing is known as a part of the other, or of what the other is a kind of."""
    return not kinds(whole).isdisjoint(_wholes().get(part, ()))


@lru_cache(2048)
def there(text: str) -> frozenset[str]:
    """The things that a text names, their other names, and what they are kinds of."""
    return frozenset().union(*map(kinds, things(text)))


def names_person(text: str) -> bool:
    """Whether `text` has a word for a person."""
    return "person" in there(text) or not _PRONOUNS.isdisjoint(words(text))


def made_up(text: str, *sources: str) -> list[str]:
    """Things that `text` names and no source does: neither them, nor another word for them, nor one of their kind.

    Where a source has people, any usual word for a person may mean one of them ('customer', 'mother'), but no trade.
    """
    new = things(text) - _VAGUE
    for source in sources:
        if not new:
            return []
        new = new - there(source)
    if new and any(map(names_person, sources)):
        new = new - _ROLES
    if not new:
        return []
    acts = _acts(text)
    return sorted(word for word in new - acts if not any(_part_of(word, source) for source in sources))


_BEFORE_A_VERB = word_set(
    "to can could may might must shall should will would cannot not they he she it who that we i you did does do never"
)


def _acts(text: str) -> frozenset[str]:
    """Nouns of a text that stand there as verbs: 'to guard', 'might catch', 'who cook'."""
    return frozenset(
        found for before, word in pairwise(words(text)) if before in _BEFORE_A_VERB and (found := thing(word))
    )


@lru_cache(2048)
def _in_order(text: str) -> list[str]:
    return sorted(content_set(text))


def _begins_one(begun: str, said: list[str]) -> bool:
    at = bisect_left(said, begun)
    return len(begun) > 3 and at < len(said) and said[at].startswith(begun)


_MADE_OF = {
    "paper": word_set(
        "drawings drawing newspaper book notebook letter letters map maps poster card postcard magazine page "
        "photograph envelope notes label sketch sketches ticket lantern kite parcel"
    ),
    "wood": word_set("tree log plank crate barrel trunk branch beam shelf bench table chair door fence"),
    "wool": word_set("sweater sheep lamb scarf yarn mitten glove blanket"),
    "ice": word_set("icicle glacier iceberg snow frost"),
    "metal": word_set("knife sword railing anchor padlock key coin kettle pan nail bolt bell wire"),
}
"""What things are made of: whoever says so of one makes up nothing. Not what is a thing as well, such as a glass."""


def _is_material(word: str, source: str) -> bool:
    made = _MADE_OF.get(word)
    return made is not None and not (made.isdisjoint(there(source)) and made.isdisjoint(words(source)))


def _part_of(word: str, source: str) -> bool:
    """'worktable' where a table is named, 'sand' where something is sandy, a sleeve where a coat is."""
    said, begun = _in_order(source), stem(word)
    if begun in content_set(source):
        return True
    if not there(source).isdisjoint(_wholes().get(word, ())) or _is_material(word, source):
        return True
    at = bisect_left(said, begun) if len(word) > 3 else len(said)
    if at < len(said) and said[at].startswith(begun):
        return True
    if word.endswith(("er", "or")) and {begun[:-2], begun[:-1]} & content_set(source) and len(begun) > 5:
        return True  # 'dancer' where somebody dances
    if word.endswith("ist") and _begins_one(word[:-3], said):
        return True  # 'pianist' where a piano is
    if any(other.endswith("ist") and word.startswith(other[:-3]) and len(other) > 6 for other in said):
        return True  # 'cello' where a cellist is
    return any(word[start:] in content_set(source) for start in range(len(word) - 3))
