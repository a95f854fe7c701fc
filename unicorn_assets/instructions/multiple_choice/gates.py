"""Gates on a question with options: one right, three wrong ones of its kind, none of them true as well.

Not here: gates on questions and answers of any task (instructions/gates.py).
"""

import re
from collections.abc import Iterator

from unicorn_assets.curation.prose import COLOUR_STEMS, Fault
from unicorn_assets.curation.signs import has, sign
from unicorn_assets.curation.words import content, content_set, runs_in, sentences, share_in, stem, word_set, words
from unicorn_assets.instructions import support
from unicorn_assets.instructions.answer import FreePair
from unicorn_assets.instructions.gates import alignment_fault
from unicorn_assets.instructions.kinds import GENERIC_STEMS, asks_colour, kind_fault
from unicorn_assets.instructions.multiple_choice.answer import ChoicePair
from unicorn_assets.instructions.multiple_choice.same import opposed, same_thing
from unicorn_assets.recipe import InstructionGates

_VAGUE = re.compile(r"\blooks? like\b|\bwho (?:made|makes|owns)\b|\bnames?\b|\bin common\b|\bpurpose\b", re.IGNORECASE)
_IS = re.compile(r"\b(?:is|are|was|were|has|have)\b", re.IGNORECASE)
_EMPTY_OPTION = re.compile(
    r"\b(?:all|none|both|neither|any) of (?:the above|these|those|them|the others)\b|"
    r"\b(?:unknown|n/?a|not sure)\b|^other$|"
    r"\b(?:don't|do not|cannot|can't) (?:know|say|tell|be (?:determined|known|told|said))\b|^[a-z]\.?$|"
    r"\b(?:both|either) [A-D] (?:and|or) [A-D]\b|\b(?:other|else) than\b",
    re.IGNORECASE,
)
_NO_THING = re.compile(
    r"(?:none|something|anything|(?:an?|the) (?:things?|objects?|items?)|(?:option )?[A-D](?: (?:and|or) [A-D])?|"
    r"(?:the )?(?:first|second|third|fourth|last|other|previous|same) (?:options?|answers?))\.?",
    re.IGNORECASE,
)
_OF_EMPTY = sign(
    "all|none|both|neither|either|any|unknown|n|na|sure|other|else|know|say|tell|determined|known|told|said"
)
_ASKS_THING = re.compile(r"(?:which|who|whose|what) (?!.*\b(?:where|place|side|way|state|position)\b)", re.IGNORECASE)
_PREPOSITION = re.compile(
    r"(?:in|on|at|under|over|above|below|behind|beside|between|near|inside|outside|along|across|through|around|against|among|"
    r"into|onto|from|to|by|next to) ",
    re.IGNORECASE,
)
_HANGS = re.compile(r"^(?:what|which|who|whom)\b.* (at|with|from|of|for|to|into|through|over|by)\?$", re.IGNORECASE)
_PLACED = re.compile(r"\b(?:while|left|right|before|after|than)\b")
_TOKENS = re.compile(r"[^\W_]+|,")
_VERBS = word_set("is are stand stands has have hold holds lie lies sit sits while but which that who whose where")
_NO_LIST = _VERBS | word_set("for as over under across by from at to into onto through")
_MEASURES = frozenset(map(stem, word_set("pair piece set bit kind type sort")))
_CLAUSES = re.compile(r"[,;:.]\s")
_ARTICLES = word_set("a an the")
_LETTERED = re.compile(r"^\(?[A-D1-4][.):]\s")


def option_fault(pair: ChoicePair, _gates: InstructionGates) -> Fault | None:
    """An option that says nothing of its own: letters, 'none of the above', 'it cannot be said'."""
    counted = pair.question.lower().startswith("how many")
    for option in (pair.answer, *pair.wrong_options):
        if not counted and _NO_THING.fullmatch(option):
            return Fault("bad_option", f"{option!r} is not an option that stands for itself.")
        empty = (len(option) < 3 or has(option, _OF_EMPTY)) and _EMPTY_OPTION.search(option)
        if empty or _LETTERED.match(option) or not words(option):
            return Fault("bad_option", f"{option!r} is not an option that stands for itself.")
    return None


def choice_fault(pair: ChoicePair, caption: str, gates: InstructionGates) -> Fault | None:
    """What is wrong with the options of a question, besides their form and prose."""
    options = [pair.answer, *pair.wrong_options]
    for option in options:
        if option.endswith("?"):
            return Fault("bad_option", f"{option!r} is a question.")
        if gates.strict and _IS.search(option) and not _IS.search(pair.answer):
            return Fault("bad_option", f"{option!r} is a sentence, but the right answer is none.")
        if len(option) >= gates.max_answer_chars:
            return Fault("cut_off", f"{option!r} fills the room for an option and may be cut off.")
    if gates.strict and _VAGUE.search(pair.question):
        return Fault("vague_question", "More than one option may fit.")
    plain = {tuple([word for word in words(option) if word not in _ARTICLES]) for option in options}
    if len(plain) < len(options) or (gates.strict and len(set(map(_stems, options))) < len(options)):
        return Fault("duplicate_options", "Two options say the same.")
    if gates.strict and asks_colour(pair.question) and any(content_set(option) - COLOUR_STEMS for option in options):
        return Fault("wrong_kind", "Options to a question of colour are colours and nothing else.")
    fault = None if gates.strict else support.restated(pair.question, pair.answer)
    if fault:
        return fault
    lengths = [len(option.split()) for option in options]
    if max(lengths) > gates.max_option_ratio * max(2, min(lengths)):
        return Fault("option_lengths", f"Options have {min(lengths)} to {max(lengths)} words; make them alike.")
    fault = alignment_fault(pair.question, pair.answer, caption, gates)
    if fault:
        return fault
    return (_strict_fault if gates.strict else _true_fault)(pair, caption)


def _true_fault(pair: ChoicePair, caption: str) -> Fault | None:
    """A wrong option that is right as well, or none to the question."""
    apart = [option for option in pair.wrong_options if not _PREPOSITION.match(option)]
    if _ASKS_THING.match(pair.question) and _PREPOSITION.match(pair.answer) and len(apart) > 1:
        return Fault("misaligned", f"{pair.answer!r} says where or how, which {pair.question!r} does not ask.")
    hangs = _HANGS.search(pair.question)
    begins = _PREPOSITION.match(pair.answer)
    if hangs and begins and begins[0].strip().lower() != hangs[1]:
        return Fault("misaligned", f"{pair.answer!r} says where or how, which {pair.question!r} does not ask.")
    fault = next(filter(None, (same_thing(option, pair, caption) for option in pair.wrong_options)), None)
    if fault:
        return fault
    said = [_same_words(pair.answer)]
    for option in pair.wrong_options:
        own = _same_words(option)
        if own in said and not _PLACED.search(option):
            return Fault("duplicate_options", f"{option!r} says the same as another option.")
        said.append(own)
        if kind_fault(pair.question, option):
            return Fault("bad_option", f"{option!r} is no answer to {pair.question!r}.")
        if said_of(option, pair.question, pair.answer, caption):
            return Fault(
                "wrong_option_true", f"{option!r} is said of what the question asks about, so it is right too."
            )
    return None


def _strict_fault(pair: ChoicePair, caption: str) -> Fault | None:
    for option in pair.wrong_options:
        if content_set(pair.answer) <= content_set(option):
            return Fault("wrong_option_true", f"{option!r} holds the right answer.")
        if (not content_set(option) - COLOUR_STEMS) != (not content_set(pair.answer) - COLOUR_STEMS):
            return Fault("bad_option", f"{option!r} is not of the same kind as {pair.answer!r}.")
        if stands_in(option, pair.question, caption):
            return Fault("wrong_option_true", f"{option!r} stands in the caption, so it may be right as well.")
        if kind_fault(pair.question, option):
            return Fault("bad_option", f"{option!r} is no answer to {pair.question!r}.")
    return None


def _stems(option: str) -> frozenset[str]:
    return content_set(option) or frozenset(words(option))


def _same_words(option: str) -> list[str]:
    """The words of an option in alphabetical order, 'a pair of' as 'two'."""
    return sorted([_AMOUNTS.get(word, word) for word in content(option)])


_AMOUNTS = {"pair": "two", "couple": "two", "dozen": "twelve"}


def said_of(option: str, question: str, answer: str, caption: str) -> bool:
    """Whether one clause of the caption holds all of a wrong option beside words of the question, as it does for the
    right answer.
    """
    own = content_set(option) - content_set(question)
    own = own - _MEASURES or own
    if not own or not own <= content_set(caption) or _placed_otherwise(option, caption):
        return False
    topic = (content_set(question) - GENERIC_STEMS) & content_set(caption)
    right = content_set(answer) - content_set(question)
    if own & right:
        return right < own and len(right) > 1 and any(own <= content_set(held) for held in _clauses(own, caption))
    for sentence in sentences(caption):
        held = content_set(sentence)
        if own <= held and right <= held and 2 * len(held & topic) >= len(topic) and listed(option, answer, sentence):
            return True
    most = max(2, len(topic) / 2)
    asked = content_set(question)
    for clause in _clauses(own, caption):
        held = content_set(clause)
        if own <= held and len(held & topic) >= most and not opposed(asked, held):
            return not (right <= held and _distance(right, topic, clause) < _distance(own, topic, clause))
    return False


def _distance(own: frozenset[str], topic: frozenset[str], clause: str) -> int:
    """Words between the nearest of `own` and of `topic`: 'grey on the upper two and turquoise on the lowest'."""
    plain = [stem(word) for word in words(clause)]
    of_own = [at for at, word in enumerate(plain) if word in own]
    of_topic = [at for at, word in enumerate(plain) if word in topic - own]
    return min((abs(one - other) for one in of_own for other in of_topic), default=0)


_PLACED_AS = {
    word: number
    for number, same in enumerate(
        ("in inside within into", "on onto atop upon", "under below beneath underneath", "behind")
    )
    for word in same.split()
}


def _placed_otherwise(option: str, caption: str) -> bool:
    """Whether an option places something where the caption does not: 'in a bucket' where somebody sits on a bucket."""
    own = words(option)
    place = _PLACED_AS.get(own[0]) if own else None
    if place is None:
        return False
    end = next((at for at, word in enumerate(own) if (at and word in _PLACED_AS) or word in _OF), len(own))
    head, said = stem(own[end - 1]), words(caption)
    found = set()
    for at, word in enumerate(said):
        if stem(word) == head:
            before = next(
                (_PLACED_AS[near] for near in reversed(said[max(0, at - 4) : at]) if near in _PLACED_AS), None
            )
            found.add(before)
    return bool(found) and None not in found and place not in found


_OF = word_set("of at with from to beside near by next")


def _clauses(own: frozenset[str], caption: str) -> Iterator[str]:
    """The clauses that may hold all of `own`: a clause stands in one sentence, if they end with full stops."""
    whole = "!" in caption or "?" in caption
    for part in (caption,) if whole else sentences(caption):
        if own <= content_set(part):
            yield from _CLAUSES.split(part)


def listed(option: str, answer: str, sentence: str) -> bool:
    """Whether both stand in one list, 'a coat stand, an old man and a mirror': nothing but commas and 'and' between."""
    plain = [stem(word) for word in _TOKENS.findall(sentence.lower())]
    places = [[at for at, word in enumerate(plain) if word in content_set(text)] for text in (option, answer)]
    if not all(places):
        return False
    first, second = sorted(places, key=min)
    between = plain[max(at for at in first if at < min(second)) + 1 : min(second)] if min(first) < min(second) else []
    return 0 < len(between) <= 6 and not {",", "and", "or"}.isdisjoint(between) and not _NO_LIST.intersection(between)


def short_answer_fault(pair: FreePair, caption: str, gates: InstructionGates) -> Fault | None:
    """What keeps an answer from being an option: too long, cut off, a vague question, more than a colour if asked."""
    if len(pair.answer) >= gates.max_answer_chars or len(pair.answer.split()) > 8:
        return Fault("answer_length", f"{pair.answer!r} is too long for an option.")
    if _VAGUE.search(pair.question):
        return Fault("vague_question", "More than one option may fit.")
    if asks_colour(pair.question) and content_set(pair.answer) - COLOUR_STEMS:
        return Fault("wrong_kind", f"{pair.answer!r} is not a colour and nothing else.")
    if _IS.search(pair.answer):
        return Fault("answer_length", f"{pair.answer!r} is a sentence, not an option.")
    if gates.min_alignment >= 1 and not runs_in(content(pair.answer), content(caption)):
        return Fault("ungrounded_answer", f"{pair.answer!r} is put together from several places.")
    return None


def stands_in(option: str, question: str, caption: str) -> bool:
    """Whether a wrong option could be true: the caption has all its words, apart from those of the question."""
    own = content_set(option) - content_set(question)
    return share_in(own, content_set(caption)) == 1.0
