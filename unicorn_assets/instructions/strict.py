"""Gates for pairs of small models, which lose the question over the answer: everything must be said in one place.

They demand that question and answer stand in one sentence of the caption, or one clause, and that every colour and
number is said there of the same thing. Good pairs that join parts or reason are refused too. Not here: what holds for
every model (gates.py), signs of support for able models (support.py).
"""

from __future__ import annotations

import re
from collections.abc import Set

from unicorn_assets.curation.attributes import attributes
from unicorn_assets.curation.prose import COLOUR_STEMS, NUMBERS, Fault
from unicorn_assets.curation.words import FUNCTION_WORDS, content, content_set, sentences, share_in, stem, words
from unicorn_assets.instructions.kinds import ASKS_COLOUR, GENERIC_STEMS, kind_fault

_VAGUE_WHAT = re.compile(r"^wh(?:at|o) (?:is|are) (?:the |an? )?[\w-]+(?: (?!\w+ing\b)[\w-]+)?\?$", re.IGNORECASE)
_WHAT_IS = re.compile(
    r"^what (?:is|are) (?!(?:on|in|under|behind|beside|next|above|near|between|at)\b)"
    r"(?!.*\b(?:\w+ing|\w+ed|made|colou?rs?|hung|worn|held|built|kept|seen)\b)|\blike\?$|"
    r"^what (?:is|are) .*\b(?!doing\b)\w+ing (?:in|on|at|near|under|with|by) the \w+\?$|"
    r"^what (?:is|are) .*\w+ing (?!(?:in|on|at|near|under|with|by|from|to|of|for|over|behind|up|down|into)\b)\w+\?$",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;:]\s+|\s(?=which\b|while\b)")


def bare_question(question: str, caption: str) -> Fault | None:
    """A question that names too little, or less than half of whose words stand in the caption."""
    if _VAGUE_WHAT.search(question):
        return Fault("vague_question", f"{question!r} does not say what is wanted.")
    asked = [word for word in content(question) if word not in GENERIC_STEMS]
    if not asked or share_in(asked, content_set(caption)) < 0.5:
        return Fault("ungrounded_question", f"{question!r} asks about things that are not there.")
    return None


def alignment_fault(
    question: str, answer: str, caption: str, min_grounding: float, min_alignment: float
) -> Fault | None:
    """Signs that `answer` answers `question`: grounded, new, of the asked kind, and said near what is asked about.

    Near is the same sentence; with `min_alignment` 1 the same clause, and bare 'what is' questions are refused too.
    """
    fault = kind_fault(question, answer) or attribute_fault(answer, caption)
    if fault:
        return fault
    asked = content_set(question)
    own = content(answer) or [word for word in words(answer) if word not in FUNCTION_WORDS or word in NUMBERS]
    if not own:
        return Fault("empty_answer", f"{answer!r} says nothing.")
    if ASKS_COLOUR.search(question) and not _coloured(asked, set(own), caption):
        return Fault("misaligned", "No sentence gives this colour to the thing that is asked about.")
    known = content_set(caption) | {word for word in words(caption) if word in NUMBERS}
    if share_in(own, known) < min_grounding:
        return Fault("ungrounded_answer", f"{answer!r} cannot be known from the caption.")
    new = [word for word in own if word not in asked]
    if not new:
        return Fault("repeats_question", f"{answer!r} only repeats the question.")
    topic = {word for word in asked if word not in GENERIC_STEMS}
    strict = min_alignment >= 1
    if strict and _WHAT_IS.search(question):
        return Fault("vague_question", f"{question!r} names no action, state, place or colour.")
    for sentence in (part for whole in sentences(caption) for part in (_CLAUSE.split(whole) if strict else [whole])):
        held = content_set(sentence).union(words(sentence))
        if share_in(sorted(topic), held) >= min_alignment and share_in(new, held) >= min_grounding:
            return None
    return Fault("misaligned", "The answer stands in another sentence than what is asked about.")


def _coloured(asked: Set[str], answer: Set[str], caption: str) -> bool:
    """Whether the answer's colours are those, and all those, that are said of a thing that the question names."""
    said = {value for noun, (kind, value) in attributes(caption) if kind == "colour" and noun in asked}
    return answer & COLOUR_STEMS == {stem(colour) for colour in said}


def attribute_fault(text: str, caption: str) -> Fault | None:
    """A colour or number said of a thing for which the caption says another one or none."""
    known = set(attributes(caption))
    for noun, (_, value) in attributes(text):
        if (noun, value) not in {(thing, said) for thing, (_, said) in known}:
            return Fault("wrong_attribute", f"Nothing says that {noun!r} is {value}.")
    return None
