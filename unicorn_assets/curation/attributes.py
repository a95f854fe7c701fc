"""What a sentence says of things: colours, numbers, materials, each with the noun it belongs to. Guessed, without a
grammar.
"""

import re
from collections import defaultdict
from functools import lru_cache

from unicorn_assets.curation.prose import COLOURS, NUMBERS
from unicorn_assets.curation.signs import has, sign
from unicorn_assets.curation.things import thing
from unicorn_assets.curation.words import FUNCTION_WORDS, by_word, sentences, stem, word_set, words

_TELLS = sign("|".join(sorted(COLOURS | NUMBERS)))


@lru_cache(2048)
def attributes(sentence: str) -> tuple[tuple[str, tuple[str, str]], ...]:
    """(noun stem, (kind, value)) for 'red door' and 'door is red'; the noun is guessed as the next or last word."""
    if not has(sentence, _TELLS):
        return ()
    plain = words(sentence)
    found = []
    for index, word in enumerate(plain):
        kind = "colour" if word in COLOURS else "number" if word in NUMBERS else None
        if kind is None:
            continue
        if kind == "colour" and index > 1 and plain[index - 1] in ("is", "are"):
            found.append((stem(plain[index - 2]), (kind, word)))
        elif (
            kind == "colour"
            and plain[index + 1 : index + 2] == ("and",)
            and set(plain[index + 2 : index + 3]) & COLOURS
        ):
            found += [(stem(noun), (kind, word)) for noun in plain[index + 3 : index + 4]]  # 'black and white cow'
        elif index + 1 < len(plain) and plain[index + 1] not in FUNCTION_WORDS:  # not 'one can', 'two of'
            found.append((stem(plain[index + 1]), (kind, word)))
    return tuple(found)


_MATERIALS = word_set(
    """wooden wood brass silver gold golden copper iron steel tin metal plastic glass stone brick leather cotton silk
    woollen wool linen velvet paper cardboard rubber concrete marble clay ceramic porcelain straw wicker bamboo"""
)
COUNTS = word_set(
    """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty thirty forty fifty sixty seventy eighty ninety"""
)
_STATES = {
    ("state", "open"): "open ajar",
    ("state", "closed"): "shut closed locked shuttered",
    ("filling", "empty"): "empty deserted abandoned vacant",
    ("filling", "full"): "crowded packed full brimming bustling",
    ("wetness", "dry"): "dry dusty parched",
    ("wetness", "wet"): "wet muddy soaked flooded dripping",
    ("number", "one"): "solitary lone single alone",
    ("light", "lit"): "lit burning glowing illuminated",
    ("light", "dark"): "unlit extinguished",
    ("sleep", "asleep"): "asleep sleeping dozing",
    ("sleep", "awake"): "awake",
    ("warmth", "hot"): "hot",
    ("warmth", "cold"): "cold icy",
    ("height", "tall"): "tall high",
    ("height", "short"): "short low",
    ("size", "large"): "large big huge enormous gigantic giant massive",
    ("size", "small"): "small tiny little miniature",
    ("age", "old"): "old elderly aged ancient",
    ("age", "young"): "young new",
    ("dirt", "clean"): "clean spotless",
    ("dirt", "dirty"): "dirty filthy grimy",
    ("growth", "bare"): "bare leafless",
    ("growth", "leafy"): "leafy",
}
_SAYS: dict[str, list[tuple[str, str]]] = defaultdict(list)
for _kind, _words in (("colour", COLOURS), ("number", COUNTS), ("material", _MATERIALS)):
    for _word in _words:
        _SAYS[_word].append((_kind, _word))
for _state, _listed in _STATES.items():
    for _word in _listed.split():
        _SAYS[_word].append(_state)

ATTRIBUTES = frozenset(_SAYS) | NUMBERS
"""Words that say something of a thing: colours, numbers, materials, states."""

SAYING = sign("|".join(sorted(_SAYS)))
_TOKEN = re.compile(r"[^\W_]+|[,;:.!?]")
_STOPS = ",;:.!?"
_PLAIN = bytes(
    ord(chr(code).lower()) if code < 128 and (chr(code).isalnum() or chr(code) in _STOPS) else 32 for code in range(256)
)
_ENDS = word_set(", ; : . ! ? and with of in on at from behind beside under over near by to that which")
_DEGREES = word_set(
    """entirely wholly fully completely all now still almost very quite partly mostly deep bright dark pale painted
    dyed already freshly newly"""
)
_IS = word_set("is are was were stands stand")
_KNOWN = word_set("the its his her their this that all both every")

Property = tuple[str, str, str]
"""(noun stem, kind, value), such as ("door", "colour", "red")."""


_NOTHING = (frozenset[Property](), frozenset[Property]())


@lru_cache(2048)
def properties(text: str) -> tuple[frozenset[Property], frozenset[Property]]:
    """Colours, numbers, materials and states of things: all of them, and those of things that `text` speaks of as known
    ('the door', 'its door', 'all six of the elephants').

    An attribute belongs to the thing behind it in the same clause, up to two words off ('two rows', 'a red tiled
    roof'), or to the one in front of 'is' or 'are' ('the roof is bright red').
    """
    if not has(text, SAYING):
        return _NOTHING
    tokens = _tokens(text)
    found, known = set[Property](), set[Property]()
    for at in [at for at, word in enumerate(tokens) if word in _SAYS]:
        if noun := _noun_of(tokens, at):
            said = {(noun[0], kind, value) for kind, value in _SAYS[tokens[at]]}
            found |= said
            if _is_taken_up(tokens, noun[1]):
                known |= {
                    (thing, kind, value) for thing, kind, value in said if kind == "number" or _one(tokens[noun[1]])
                }
    return frozenset(found), frozenset(known)


_JOINT = re.compile(r"[-']")
_noun = by_word(lambda word: stem(word) if thing(word) else "")


@lru_cache(2048)
def nouns(text: str) -> frozenset[str]:
    """Stems of all words for things: a property belongs to none but these."""
    found = frozenset(filter(None, _noun(text)))
    joined = [word for word in words(text) if "-" in word or "'" in word]
    parts = [part for word in joined for part in _JOINT.split(word) if thing(part)]
    return found.union(map(stem, parts)) if parts else found


def _tokens(text: str) -> list[str]:
    """Words in lower case, cut at hyphens and apostrophes, and the marks that end a clause or a sentence."""
    if not text.isascii():
        return _TOKEN.findall(text.lower())
    plain = text.encode("ascii").translate(_PLAIN)
    for stop in (b",", b".", b";", b":", b"!", b"?"):
        if stop in plain:
            plain = plain.replace(stop, b" " + stop + b" ")
    return plain.decode("ascii").split()


def _is_taken_up(tokens: list[str], place: int) -> bool:
    for word in reversed(tokens[max(0, place - 4) : place]):
        if word in _KNOWN:
            return True
        if word in _ENDS and word != "of":
            return False
    return False


def _one(word: str) -> bool:
    """Whether a word for a thing names one of them: of many keys some are white and some black."""
    return thing(word) == word


_seen = by_word(lambda word: int(any(part in _SAYS or thing(part) for part in (word, *word.split("-")))))


def seen_share(text: str) -> float:
    """Share of a text's words that name a thing that can be seen, a colour, a number, a material or a state."""
    count = len(words(text))
    return sum([sum(_seen(sentence)) for sentence in sentences(text)]) / count if count else 0.0


_DETERMINERS = word_set("a an the his her its their this that these those")
_AT = word_set("at on in of by with near under above behind beside")


def _heads(tokens: list[str], place: int) -> bool:
    """Whether the word there ends a compound, 'dome tent', and is no verb, 'a vest coils a rope'."""
    return thing(tokens[place]) is not None and not (place + 1 < len(tokens) and tokens[place + 1] in _DETERMINERS)


def _noun_of(tokens: list[str], at: int) -> tuple[str, int] | None:
    """The thing that the attribute at this place is said of, and its place, if it can be told."""
    for place in range(at + 1, min(at + 4, len(tokens))):
        word = tokens[place]
        if word in _ENDS or word in FUNCTION_WORDS:
            break
        if thing(word) and not (place + 1 < len(tokens) and place < at + 3 and _heads(tokens, place + 1)):
            return stem(word), place
    place = at - 1
    while place > 0 and tokens[place] in _DEGREES:
        place -= 1
    if place > 0 and tokens[place] in _IS:
        if place > 3 and tokens[place - 2] in _DETERMINERS and tokens[place - 3] in _AT and thing(tokens[place - 4]):
            place -= 3  # 'the lantern at the top is lit'
        if thing(tokens[place - 1]):
            return stem(tokens[place - 1]), place - 1
    return None
