"""From a model's pairs to pairs fit for training: what is dropped, and why. What holds for every task.

A pair is dropped whole, never mended, and the record goes on with the others; the stage refuses a record with too few.
The gates cannot know whether an answer is true; they look for signs that it is not: support.py for able models, which
paraphrase, join and reason; strict.py for small ones, whose every word must stand in one place of the caption.
"""

from __future__ import annotations

import re
from functools import cache

from unicorn_assets.curation import prose, repetition
from unicorn_assets.curation.prose import Fault
from unicorn_assets.instructions import strict, support
from unicorn_assets.instructions.answer import FreePair, Pair
from unicorn_assets.recipe import InstructionGates

_QUESTION = re.compile(
    r"\b(?:what|which|who|whose|whom|where|when|why|how)\b|(?:^|,\s*)(?:is|are|was|were|does|do|did|can|could|would|will|"
    r"should|must|may|might|has|have|had)\b",
    re.IGNORECASE,
)
_OF_WORDS = re.compile(r"\b(?:words?|sentences?|phrases?|question|answer|text)\b", re.IGNORECASE)
_OF_THE_TEXT = re.compile(
    r"\b(?:sentences?|phrases?|paragraphs?|(?:the|this|given) (?:question|answer|text)s?|"
    r"the (?:writer|author|narrator)s?|"
    r"(?:given|provided) (?:information|details?)|(?:information|details?) (?:given|provided)|in the context|"
    r"(?:read|said|told|given|listed|as|the|context) above)\b",
    re.IGNORECASE,
)


def question_fault(question: str, caption: str, gates: InstructionGates) -> Fault | None:
    """What is wrong with the question of any pair, besides its prose."""
    if not question.endswith("?") or question.count("?") > 1 or not _QUESTION.search(question):
        return Fault("not_a_question", f"{question!r} is not one question that ends with '?'.")
    if not 4 <= len(question.split()) <= 40:
        return Fault("question_length", "A question has 4 to 40 words.")
    return (strict.bare_question if gates.strict else support.question_fault)(question, caption)


def prose_fault_of(pair: Pair, gates: InstructionGates) -> Fault | None:
    """The gates of any prose, for every text of a pair."""
    texts = texts_of(pair)
    if prose.all_clean(texts):
        return None
    return next(filter(None, (prose_fault(text, gates) for text in texts)), None)


def texts_of(pair: Pair) -> list[str]:
    """Every text of a pair, in the order of its fields."""
    found: list[str] = []
    for name in _fields(type(pair)):
        field = getattr(pair, name)
        held = field if isinstance(field, list | tuple) else (field,)
        found += [text for text in held if isinstance(text, str)]
    return found


@cache
def _fields(pair: type[Pair]) -> tuple[str, ...]:
    return tuple(pair.model_fields)


def prose_fault(text: str, gates: InstructionGates) -> Fault | None:
    """The gates of any prose, for one field of a pair."""
    if prose.clean(text):
        return None
    fault = (
        prose.refusal(text)
        or prose.markup(text)
        or prose.chat_mark(text)
        or prose.emphasis(text)
        or prose.garbled(text)
        or prose.meta(text)
        or prose.person(text, we=not gates.strict)
    )
    if fault:
        return fault
    if (_OF_WORDS if gates.strict else _OF_THE_TEXT).search(text):
        return Fault("meta_mention", "Ask about what is there, not about words or sentences.")
    return None


def free_fault(pair: FreePair, caption: str, gates: InstructionGates) -> Fault | None:
    """What is wrong with an answer in free words, besides its prose."""
    question, answer = pair.question, pair.answer
    fault = cut_by_schema(answer, gates)
    if fault:
        return fault
    if answer.endswith("?"):
        return Fault("bad_answer", "The answer is a question.")
    if len(answer.split()) > 80:
        return Fault("answer_length", "An answer has at most 80 words.")
    restated = None if gates.strict else support.restated(question, answer)
    fault = restated or repetition.stutter(answer) or repetition.circular(answer)
    return fault or alignment_fault(question, answer, caption, gates)


def alignment_fault(question: str, answer: str, caption: str, gates: InstructionGates) -> Fault | None:
    """Signs that `answer` does not answer `question`, or that the caption does not bear it."""
    if gates.strict:
        return strict.alignment_fault(question, answer, caption, gates.min_grounding, gates.min_alignment)
    return support.answer_fault(question, answer, caption, gates.min_grounding)


def cut_by_schema(text: str, gates: InstructionGates) -> Fault | None:
    """A server that holds the model to the schema ends a text at its `maxLength`, wherever that is."""
    if len(text) < gates.max_answer_chars or text.rstrip("\"”'’)").endswith((".", "!")):
        return None
    return Fault("cut_off", f"{text!r} fills the room for an answer and does not end.")
