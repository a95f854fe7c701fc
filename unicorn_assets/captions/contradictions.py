"""Sentences of a caption that cannot both be true: two colours of one thing, and scenes that exclude each other.

Not here: what a pair says otherwise than its caption (instructions/).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from unicorn_assets.curation.attributes import SAYING, attributes, nouns, properties
from unicorn_assets.curation.prose import Fault
from unicorn_assets.curation.signs import has, sign
from unicorn_assets.curation.things import kinds, things


def contradiction(part: str, kept: list[str], *, strict: bool) -> Fault | None:
    """'The tractor is white' after 'a green tractor', 'three cups' after 'two cups', 'open' after 'shut'.

    Unless strict, only of a thing that the sentence takes up ('the tractor') and that had one such attribute: a long
    caption has many lines, leaves and coats.
    """
    if has(part, _OF_OTHERS) and _OTHERS.search(part):
        return None
    if strict:
        said = dict(pair for sentence in kept for pair in attributes(sentence))
        for noun, (kind, value) in attributes(part):
            earlier = said.get(noun)
            if earlier and earlier[0] == kind and earlier[1] != value:
                return Fault("contradiction", f"{noun!r} is both {earlier[1]} and {value}.")
        return None
    if not has(part, SAYING) or nouns(part).isdisjoint(again := frozenset().union(*map(nouns, kept))):
        return None
    known = [found for found in properties(part)[1] if found[0] in again]
    told = [found for sentence in kept for found in properties(sentence)[0]] if known else []
    for noun, kind, value in known:
        earlier_values = {other for thing, of, other in told if thing == noun and of == kind}
        if len(earlier_values) == 1 and value not in earlier_values:
            return Fault("contradiction", f"{noun!r} is both {earlier_values.pop()} and {value}.")
    return None


_OF_OTHERS = sign("others?|another|second|third|left|right|upper|lower|half|some|one")
_OTHERS = re.compile(r"\b(?:others?|another|second|third|left|right|upper|lower|half|some|one of)\b", re.IGNORECASE)


_PICTURED = re.compile(
    r"\b(?:posters?|paintings?|painted|photos?|photographs?|pictures?|screens?|prints?|murals?|postcards?|calendars?|"
    r"clocks?|signs?|says|reads|maps?)\b",
    re.IGNORECASE,
)
_NIGHT = (
    r"\b(?:at night|night sky|midnight|moonlight|moonlit|after sunset|after dark|full of stars|starry|nightfall|"
    r"dead of night)\b"
)
_DAY = r"\b(?:noon|midday|broad daylight|(?:morning|afternoon|midday|noon) (?:sun(?:light|shine)?|light))\b"
_SHUT = r"\beyes (?:are |is )?(?:tightly |firmly )?(?:shut|closed)\b|\b(?:shut|closed) eyes\b"
_OPEN = r"\bwide[- ]open eyes\b|\beyes (?:are )?(?:wide )?open\b|\bopen eyes\b"
_BALD = r"\b(?:is|are|head is|completely|entirely) (?:completely |entirely |quite )?bald\b|\bbald head\b"
_HAIRY = r"\b(?:curls|curly hair|long hair|hair falls|braids?|plaits?|ponytail|locks of hair|fringe)\b"
_ALONE = r"\b(?:entirely|all|completely|quite) alone\b|\b(?:nobody|no one|no other person) else\b|\bnot a soul\b"
_SOMEBODY = (
    r"\b(?:an?|two|three|four|several) (?:\w+ )?(?:man|men|woman|women|boys?|girls?|child|children|assistants?|"
    r"cooks?|workers?|friends?|colleagues?|passers-by|customers?|visitors?|people)\b"
)
_DRY = r"\b(?:bone dry|perfectly dry|not a drop of (?:rain|water)|cloudless|without a cloud)\b"
_RAIN = r"\b(?:rain (?:falls|pours|lashes|drums)|pouring rain|downpour|overcast|thunderclouds)\b"
_SCENES = [
    (re.compile(one, re.IGNORECASE), re.compile(other, re.IGNORECASE), of_one)
    for one, other, of_one in (
        (_NIGHT, _DAY, False),
        (_DRY, _RAIN, False),
        (_SHUT, _OPEN, True),
        (_BALD, _HAIRY, True),
        (_ALONE, _SOMEBODY, False),
    )
]
_OF_SCENES = sign(
    "night|midnight|moonlight|moonlit|sunset|dark|stars|starry|nightfall|shut|closed|bald|alone|nobody|else|soul|"
    "dry|drop|cloudless|cloud"
)
_GONE = re.compile(
    r"^the ((?:\w+ )?\w+) (?:(?:has|have|is|are) (?:been )?(?:taken off|taken away|removed|missing|gone)|"
    r"(?:has|have) not (?:\w+ )?(?:shown up|arrived|come)|(?:is|are) (?:not|nowhere) to be seen)\b",
    re.IGNORECASE,
)
_OF_GONE = sign("taken|removed|missing|gone|not|nowhere")


def scenes_apart(parts: Sequence[str]) -> Fault | None:
    """Night and noon, shut eyes that look, a wheel that was taken off and turns."""
    for at, part in enumerate(parts):
        if has(part, _OF_GONE) and (found := _GONE.match(part)):
            again = re.compile(rf"\b{re.escape(found[1].split()[-1])}\b", re.IGNORECASE)
            whole = re.compile(rf"\bthe {re.escape(found[1])} (?:is|are|turns?|stands?|has|have)\b", re.IGNORECASE)
            stands = re.compile(rf"\b{re.escape(found[1])}\b.* (?:stand|sit|wait|work|lean|walk)s?\b", re.IGNORECASE)
            others = [other for place, other in enumerate(parts) if place != at and again.search(other)]
            if any(whole.search(other) or stands.search(other) for other in others):
                return Fault("contradiction", f"The {found[1]} cannot be gone and be there.")
        if not has(part, _OF_SCENES) or _PICTURED.search(part):
            continue
        for one, other, of_one in _SCENES:
            first = one.search(part)
            second = first and next(
                (hit for place, text in enumerate(parts)
                 if place != at and not _PICTURED.search(text) and (hit := other.search(text))), None
            )  # fmt: skip
            if first and second and not (of_one and _beings(parts) > 1):
                return Fault("contradiction", f"{first[0]!r} and {second[0]!r} exclude each other.")
    return None


def _beings(parts: Sequence[str]) -> int:
    """How many kinds of people and animals are named."""
    named = frozenset().union(*map(things, parts))
    return sum(bool(kinds(thing) & {"person", "animal"}) for thing in named)
