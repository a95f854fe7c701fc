"""Values that a text gives otherwise than the caption: swapped colours and numbers, the other side, another count.

The caption's sentence that says most of what the text says is held against it: two values of one closed class (left and
right, first and third) that exclude each other there. Not here: colours and states of a thing that is told by its noun
(support.py, curation/attributes.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise

from unicorn_assets.curation.attributes import COUNTS, properties
from unicorn_assets.curation.prose import COLOURS, NUMBERS, Fault
from unicorn_assets.curation.signs import has, sign
from unicorn_assets.curation.things import thing
from unicorn_assets.curation.words import FUNCTION_WORDS, content_set, sentences, stem, word_set, words

_SIDES = word_set("left right")
_CLASSES = (
    _SIDES,
    word_set("north south east west northern southern eastern western"),
    word_set("top bottom"),
    word_set("first second third fourth fifth sixth last"),
    word_set("ankle knee waist chest shoulder"),
    word_set("morning noon midday afternoon evening dusk dawn night midnight"),
    word_set("nearest farthest furthest"),
    word_set("highest lowest"),
    word_set("largest biggest smallest"),
    word_set("oldest youngest"),
    word_set("tallest shortest"),
    word_set("clockwise anticlockwise counterclockwise"),
    word_set("horizontal vertical diagonal horizontally vertically diagonally"),
)
_ANY = frozenset().union(*_CLASSES)
_OF_CLASS = sign("|".join(sorted(_ANY)))
_VALUED = sign("|".join(sorted(COLOURS | COUNTS | {"one"})))
_FROM_TO = re.compile(r"\bfrom (?:the |an? )?(\w+) to (?:the |an? )?(\w+)", re.IGNORECASE)
_MOVES = sign("from")
_HOW_MANY = re.compile(r"\bhow many ((?:\w+ )?)(\w+)\b", re.IGNORECASE)
_MANY = sign("many")
_SUPPOSES = re.compile(r"\b(?:if|suppose|imagine|would|could|remain|more|fewer|left over|together|altogether|total)\b")
_REMAINING = re.compile(
    r"\b(?:is|are|was|were|be|has|have|had|nothing|only)(?: \w+)? left\b(?! (?:of|to|from|and|or)\b)", re.IGNORECASE
)
"""'Three are left in the pool' names no side."""
_SHARED = 3
"""Words that text and sentence must share before they are taken to speak of the same."""


def conflict(question: str, text: str, caption: str) -> Fault | None:
    """A value in `text` that excludes what the caption says of the same."""
    return (
        _other_value(question, text, caption)
        or _turned_round(text, caption)
        or _swapped(text, caption)
        or _other_count(question, text, caption)
    )


def _other_value(question: str, text: str, caption: str) -> Fault | None:
    if not has(text, _OF_CLASS):
        return None
    given = set(words(_REMAINING.sub(" ", text))) & _ANY
    said = content_set(text) - {stem(word) for word in _ANY}
    own = said | content_set(question)
    held = [(len(own & content_set(part)), part) for part in sentences(caption)]
    most = max(count for count, _ in held)
    for values in _CLASSES:
        new = given & values
        best = [part for count, part in held if count == most and not values.isdisjoint(words(part))]
        if not new or most < _SHARED or len(best) != 1 or 2 * len(said & content_set(best[0])) < len(said):
            continue
        known = values.intersection(words(best[0]))
        if new.isdisjoint(known) and not (values is _SIDES and (_of(text) or _of(best[0]))):
            return Fault("wrong_attribute", f"It is {' or '.join(sorted(known))}, not {' or '.join(sorted(new))}.")
    return None


def _of(text: str) -> bool:
    """Whether a side is told from another thing: what is left of the bed has the bed on its right."""
    return any(one in _SIDES and other in ("of", "from") for one, other in pairwise(words(text)))


def _turned_round(text: str, caption: str) -> Fault | None:
    """'From green to blue' where it goes from blue to green."""
    if not has(text, _MOVES):
        return None
    known = {(one.lower(), other.lower()) for one, other in _FROM_TO.findall(caption)}
    for one, other in _FROM_TO.findall(text):
        if (other.lower(), one.lower()) in known and (one.lower(), other.lower()) not in known:
            return Fault("wrong_attribute", f"It goes from {other} to {one}, not from {one} to {other}.")
    return None


def _swapped(text: str, caption: str) -> Fault | None:
    """'White with a red star' for 'red with a white star'; 'cream above' for 'dark red below, cream above'."""
    if not has(text, _VALUED):
        return None
    known: dict[str, set[str]] = {}
    for value, what in _beside_in(caption):
        known.setdefault(what, set()).add(value)
    own = list(_beside(text))
    for value, what in own:
        if value in known.get(what, {value}) or len(known[what]) > 1:
            continue
        (right,) = known[what]
        if (right in COLOURS) != (value in COLOURS):
            continue
        mixed = right in words(text) and not _stands_for_one(value, caption)
        alone = value in COLOURS and what not in FUNCTION_WORDS and not _said_beside(value, what, caption)
        if alone or mixed:
            return Fault("wrong_attribute", f"{what!r} goes with {right}, not with {value}.")
    return None


def _stands_for_one(value: str, caption: str) -> bool:
    """'Nine black ones' are pieces too."""
    return any(one == value and other in ("one", "ones") for one, other in pairwise(words(caption)))


def _said_beside(value: str, what: str, caption: str) -> bool:
    """Whether a sentence has both: of 'seven white pieces and nine black ones' some pieces are black."""
    return any(value in words(part) and what in content_set(part) for part in sentences(caption))


def _beside(text: str) -> Iterator[tuple[str, str]]:
    """Colours and numbers with the stem of the word behind them."""
    plain = words(text)
    for at, (value, what) in enumerate(pairwise(plain)):
        if value in COLOURS or value in COUNTS or value == "one":
            if what in _WHERE or (what not in FUNCTION_WORDS and what not in _FURTHER):
                yield value, stem(what)
            if thing(what) or value in COLOURS:  # 'an orange dome tent'
                yield from ((value, stem(more)) for more in plain[at + 2 : at + 3] if thing(more))


_WHERE = word_set("above below inside outside")
_FURTHER = word_set("farther further higher lower nearer closer toward towards again like except all")


@lru_cache(64)
def _beside_in(caption: str) -> tuple[tuple[str, str], ...]:
    return tuple(_beside(caption))


def _other_count(question: str, answer: str, caption: str) -> Fault | None:
    """'Five' for 'how many camels' where three are named, and no other number of them."""
    found = has(question, _MANY) and _HOW_MANY.search(question)
    if not found or _SUPPOSES.search(question.lower()):
        return None
    given = [word for word in words(answer) if word in NUMBERS or word.isdigit()]
    plain, kind = stem(found[2].lower()), found[1].strip().lower()
    asked = plain if thing(found[2].lower()) else stem(kind)
    if len(given) != 1 or given[0] not in COUNTS or not asked or (asked == plain and kind):
        return None
    known = {value for part in sentences(caption) for noun, of, value in properties(part)[0]
             if noun == asked and of == "number"}  # fmt: skip
    if len(known) != 1 or given[0] in known or _further(asked, caption):
        return None
    return Fault("wrong_attribute", f"{known.pop()} are named, not {given[0]}.")


def _further(noun: str, caption: str) -> bool:
    """Whether there are more of a thing than those that are counted: a third one, another, others."""
    return any(
        stem(what) == noun and word in _MORE for word, what in pairwise(words(caption))
    ) or not _OTHERS.isdisjoint(words(caption))


_MORE = word_set("another other second third fourth fifth sixth last next more further a an one every each several")
_OTHERS = word_set("others another")


ORDINALS: Mapping[str, int] = {"second": 2, "third": 3, "fourth": 4, "fifth": 5}
_ORDINAL = sign("second|third|fourth|fifth")


def uncounted(question: str, caption: str) -> str | None:
    """'The second photographer' where the caption has one and no second of anything; the words that say so."""
    if not has(question, _ORDINAL):
        return None
    held = set(words(caption))
    for ordinal, noun in pairwise(words(question)):
        if ordinal not in ORDINALS or thing(noun) != noun or noun not in held or held & {ordinal, "another", "other"}:
            continue
        many = {form for form in held if form != noun and thing(form) == noun}
        if not many and not held.isdisjoint({noun}):
            return f"{ordinal} {noun}"
    return None
