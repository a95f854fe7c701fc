"""From a model's pairs to pairs fit for training: what is dropped, and why.

A pair is dropped whole, never mended, and the record goes on with the others; the stage refuses a record with too few.
The gates cannot know whether an answer is true. They demand signs of it: the answer's words stand in the caption, close
to the question's words; wrong options do not stand there; the answer is of the kind that the question word asks for.
"""

from __future__ import annotations

import re

from unicorn_assets.curation import prose
from unicorn_assets.curation.attributes import attributes
from unicorn_assets.curation.prose import COLOUR_STEMS, NUMBERS, Fault
from unicorn_assets.curation.words import FUNCTION_WORDS, content, sentences, share_in, stem, word_set, words
from unicorn_assets.instructions.answer import FreePair
from unicorn_assets.recipe import InstructionGates

_QUESTION_START = re.compile(
    r"^(?:(?:in|on|at|to|from|with|for|by|of|about|beside|behind|under) )?(?:what|which|who|whose|whom|where|when|why|"
    r"how|is|are|does|do|did|can|could|would|will|has|have|if|suppose|given|imagine)\b|,\s*(?:what|which|who|where|"
    r"why|how|would|is|are|does)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:in|on|at|under|over|above|below|behind|beside|between|next|near|inside|outside|along|across|through|around|"
    r"against|among|into|onto|from|to|by|left|right|top|front|middle|background|foreground|of)\b",
    re.IGNORECASE,
)
_VAGUE_WHAT = re.compile(r"^wh(?:at|o) (?:is|are) (?:the |an? )?[\w-]+(?: (?!\w+ing\b)[\w-]+)?\?$", re.IGNORECASE)
_WHAT_IS = re.compile(
    r"^what (?:is|are) (?!(?:on|in|under|behind|beside|next|above|near|between|at)\b)"
    r"(?!.*\b(?:\w+ing|\w+ed|made|colou?rs?|hung|worn|held|built|kept|seen)\b)|\blike\?$|"
    r"^what (?:is|are) .*\b(?!doing\b)\w+ing (?:in|on|at|near|under|with|by) the \w+\?$|"
    r"^what (?:is|are) .*\w+ing (?!(?:in|on|at|near|under|with|by|from|to|of|for|over|behind|up|down|into)\b)\w+\?$",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;:]\s+|\s(?=which\b|while\b)")
ASKS_COLOUR = re.compile(r"\bcolou?rs?\b", re.IGNORECASE)
_GENERIC = word_set(
    "color colour kind type sort number many much thing object item people person main look like "
    "appear happen tell know"
)


def question_fault(question: str, caption: str) -> Fault | None:
    """What is wrong with the question of any pair."""
    common = prose_fault(question)
    if common:
        return common
    if not question.endswith("?") or question.count("?") > 1 or not _QUESTION_START.search(question):
        return Fault("not_a_question", f"{question!r} is not one question that ends with '?'.")
    if _VAGUE_WHAT.search(question):
        return Fault("vague_question", f"{question!r} does not say what is wanted.")
    if not 4 <= len(question.split()) <= 40:
        return Fault("question_length", "A question has 4 to 40 words.")
    asked = [word for word in content(question) if word not in GENERIC_STEMS]
    if not asked or share_in(asked, set(content(caption))) < 0.5:
        return Fault("ungrounded_question", f"{question!r} asks about things that are not there.")
    return None


GENERIC_STEMS = frozenset(stem(word) for word in _GENERIC)


def prose_fault(text: str) -> Fault | None:
    """The gates of any prose, for one field of a pair."""
    for gate in (
        prose.refusal, prose.markup, prose.chat_mark, prose.emphasis, prose.garbled, prose.meta, prose.person,
    ):  # fmt: skip
        fault = gate(text)
        if fault:
            return fault
    if re.search(r"\b(?:words?|sentences?|phrases?|question|answer|text)\b", text, re.IGNORECASE):
        return Fault("meta_mention", "Ask about what is there, not about words or sentences.")
    return None


def free_fault(pair: FreePair, caption: str, gates: InstructionGates) -> Fault | None:
    """What is wrong with an answer in free words."""
    question, answer = pair.question, pair.answer
    fault = prose_fault(answer) or cut_by_schema(answer, gates)
    if fault:
        return fault
    if answer.endswith("?"):
        return Fault("bad_answer", "The answer is a question.")
    if len(answer.split()) > 80:
        return Fault("answer_length", "An answer has at most 80 words.")
    return (
        prose.stutter(answer)
        or prose.circular(answer)
        or alignment_fault(question, answer, caption, gates.min_grounding, gates.min_alignment)
    )


def cut_by_schema(text: str, gates: InstructionGates) -> Fault | None:
    """A server that holds the model to the schema ends a text at its `maxLength`, wherever that is."""
    if len(text) < gates.max_answer_chars or text.rstrip("\"”'’)").endswith((".", "!")):
        return None
    return Fault("cut_off", f"{text!r} fills the room for an answer and does not end.")


def alignment_fault(
    question: str, answer: str, caption: str, min_grounding: float, min_alignment: float
) -> Fault | None:
    """Signs that `answer` answers `question`: grounded, new, of the asked kind, and said near what is asked about.

    Near is the same sentence; with `min_alignment` 1 the same clause, and bare 'what is' questions are refused too.
    """
    fault = kind_fault(question, answer) or attribute_fault(answer, caption)
    if fault:
        return fault
    asked = set(content(question))
    own = content(answer) or [word for word in words(answer) if word not in FUNCTION_WORDS or word in NUMBERS]
    if not own:
        return Fault("empty_answer", f"{answer!r} says nothing.")
    if ASKS_COLOUR.search(question) and not _coloured(asked, set(own), caption):
        return Fault("misaligned", "No sentence gives this colour to the thing that is asked about.")
    known = set(content(caption)) | {word for word in words(caption) if word in NUMBERS}
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
        held = set(content(sentence)) | set(words(sentence))
        if share_in(sorted(topic), held) >= min_alignment and share_in(new, held) >= min_grounding:
            return None
    return Fault("misaligned", "The answer stands in another sentence than what is asked about.")


def _coloured(asked: set[str], answer: set[str], caption: str) -> bool:
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


def kind_fault(question: str, answer: str) -> Fault | None:
    """A colour for 'what colour', a number for 'how many', a place for 'where'; yes or no says too little."""
    asks = question.lower()
    first = (words(answer) or [""])[0]
    if first in ("yes", "no") and len(words(answer)) < 4:
        return Fault("bad_answer", "Yes or no alone says too little.")
    held = set(content(answer)) | set(words(answer))
    if ASKS_COLOUR.search(asks) and not held & COLOUR_STEMS:
        return Fault("wrong_kind", f"{answer!r} is not a colour.")
    if re.search(r"\bhow many\b", asks) and not (held & NUMBERS or re.search(r"\d", answer)):
        return Fault("wrong_kind", f"{answer!r} is not a number.")
    if re.match(r"where\b", asks) and not _PLACE.search(answer):
        return Fault("wrong_kind", f"{answer!r} is not a place.")
    return None
