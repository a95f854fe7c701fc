"""Wrong options that are right in other words: less of the answer, another name for it, a thing that it is a part of.

Not here: what the caption says of a wrong option (gates.py).
"""

from unicorn_assets.curation.attributes import properties
from unicorn_assets.curation.prose import COLOURS, Fault
from unicorn_assets.curation.things import is_part, kinds, thing
from unicorn_assets.curation.words import FUNCTION_WORDS, content_set, sentences, stem, word_set, words
from unicorn_assets.instructions.kinds import asks_colour
from unicorn_assets.instructions.multiple_choice.answer import ChoicePair

_ARTICLES = word_set("a an the")
_SIDES = (("upper", "lower"), ("left", "right"), ("top", "bottom"), ("inner", "outer"), ("front", "back"))
_OPPOSED = [frozenset(map(stem, pair)) for pair in _SIDES]
_HEADS_END = word_set("of in on at with from under behind beside by near to who that which next")


def same_thing(option: str, pair: ChoicePair, caption: str) -> Fault | None:
    """Whether a wrong option is true because the right one is, or a colour of what is asked about."""
    if _less(option, pair.answer) or _other_name(option, pair.answer) or _whole(option, pair):
        return Fault("wrong_option_true", f"{option!r} is right if {pair.answer!r} is.")
    if asks_colour(pair.question) and _colours(option) and _colours(option) <= _asked_colours(pair.question, caption):
        return Fault("wrong_option_true", f"What is asked about is {option} too.")
    return None


def opposed(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether one set of stems has one side, such as 'upper', and the other the opposite one alone."""
    return any(len(one & sides) == 1 and len(other & sides) == 1 and one & sides != other & sides for sides in _OPPOSED)


def _pieces(text: str) -> frozenset[str]:
    return frozenset(stem(piece) for word in words(text) for piece in word.split("-") if piece not in _ARTICLES)


def _less(option: str, answer: str) -> bool:
    """'Knee-high' where 'as high as their knees' is right: every word of the option is in the answer."""
    own, right = _pieces(option), _pieces(answer)
    return bool(content_set(option)) and own < right and not own & _FLIPS and not (right - own) & _EXCLUDES


_FLIPS = frozenset(map(stem, word_set("not no only nothing nobody none without first second third last both all than")))
"""Words by which less of an answer says another thing: no hat, the first house."""
_EXCLUDES = _FLIPS | frozenset(
    stem(word)
    for word in word_set(
        """half and or one two three four five six seven eight nine ten left right upper lower top bottom front back
        before after to from between while"""
    )
)
"""And words that an option must not lack: 'on the shelf' may be another one than the upper shelf."""


def _head(text: str) -> tuple[str, frozenset[str]]:
    """The thing that a short phrase names, and the stems in front of it: 'the girl's dad' is a dad, of the girl."""
    plain = list(words(text))
    end = next((at for at, word in enumerate(plain) if word in _HEADS_END), len(plain))
    head = plain[end - 1] if end else ""
    return thing(head) or "", frozenset(stem(word) for word in plain[: max(0, end - 1)] if word not in FUNCTION_WORDS)


def _other_name(option: str, answer: str) -> bool:
    """'An animal' or 'a hound' where 'a dog' is right: a wider name, or another name for the same, and no other word in
    front that tells them apart.
    """
    (one, before), (other, behind) = _head(option), _head(answer)
    if not one or not other or one == other or not before <= behind:
        return False
    return one in kinds(other) or any({one, other} <= names for names in _ONE_THING)


_ONE_THING = [
    word_set(names)
    for names in (
        "dad daddy father papa", "mum mom mother mama", "kid child youngster", "bike bicycle", "auto car automobile",
        "sofa couch settee", "rug carpet", "lorry truck", "policeman officer", "cap hat", "cup mug", "jug pitcher",
        "boat vessel", "stone rock", "photo photograph picture", "grandpa grandfather", "grandma grandmother",
        "pavement sidewalk", "tin can", "rubbish garbage trash", "baby infant", "doctor physician", "shop store",
        "road street", "spectacles glasses eyeglasses", "sack bag", "cloth fabric", "hare rabbit", "ship vessel",
    )
]  # fmt: skip


def _whole(option: str, pair: ChoicePair) -> bool:
    """'On the bicycle' where 'on the saddle' is right."""
    own, right = words(option), words(pair.answer)
    if len(own) > 4 or not own or own[0] not in ("on", "in", "at") or not right or right[0] not in _PLACES:
        return False
    (one, _), (other, _) = _head(" ".join(own[1:])), _head(" ".join(right[1:]))
    return bool(one and other) and is_part(other, one)


_PLACES = word_set("on in at astride atop inside")


def _colours(text: str) -> frozenset[str]:
    plain = [word for word in words(text) if word not in _ARTICLES]
    return frozenset(plain) if plain and all(word in COLOURS for word in plain) else frozenset()


def _asked_colours(question: str, caption: str) -> frozenset[str]:
    """Colours of the one thing of a question that has any in the caption."""
    asked = content_set(question)
    said = [found for part in sentences(caption) for found in properties(part)[0] if found[1] == "colour"]
    about = {noun for noun, _, _ in said if noun in asked}
    return frozenset(value for noun, _, value in said if noun in about) if len(about) == 1 else frozenset()
