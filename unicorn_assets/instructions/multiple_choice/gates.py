"""Gates on a question with options: one right, three wrong ones of its kind, none of them true as well.

Not here: gates on questions and answers of any task (instructions/gates.py).
"""

import re

from unicorn_assets.curation.prose import COLOUR_STEMS, Fault
from unicorn_assets.curation.words import content, runs_in, share_in, words
from unicorn_assets.instructions.answer import FreePair
from unicorn_assets.instructions.gates import ASKS_COLOUR, alignment_fault, kind_fault, prose_fault
from unicorn_assets.instructions.multiple_choice.answer import ChoicePair
from unicorn_assets.recipe import InstructionGates

_VAGUE = re.compile(r"\blooks? like\b|\bwho (?:made|makes|owns)\b|\bnames?\b|\bin common\b|\bpurpose\b", re.IGNORECASE)
_IS = re.compile(r"\b(?:is|are|was|were|has|have)\b", re.IGNORECASE)
_EMPTY_OPTION = re.compile(r"\b(?:all|none|both|neither) of\b|\b(?:unknown|n/?a|not sure|other)\b", re.IGNORECASE)
_LETTERED = re.compile(r"^\(?[A-D1-4][.):]\s")


def choice_fault(pair: ChoicePair, caption: str, gates: InstructionGates) -> Fault | None:
    """What is wrong with the options of a question."""
    options = [pair.answer, *pair.wrong_options]
    for option in options:
        fault = prose_fault(option)
        if fault:
            return fault
        if _LETTERED.match(option) or _EMPTY_OPTION.search(option) or not words(option):
            return Fault("bad_option", f"{option!r} is not an option that stands for itself.")
        if option.endswith("?"):
            return Fault("bad_option", f"{option!r} is a question.")
        if _IS.search(option) and not _IS.search(pair.answer):
            return Fault("bad_option", f"{option!r} is a sentence, but the right answer is none.")
        if len(option) >= gates.max_answer_chars:
            return Fault("cut_off", f"{option!r} fills the room for an option and may be cut off.")
    if _VAGUE.search(pair.question):
        return Fault("vague_question", "More than one option may fit.")
    plain = [" ".join(word for word in words(option) if word not in ("a", "an", "the")) for option in options]
    stems = [frozenset(content(option)) or frozenset(words(option)) for option in options]
    if len(set(plain)) < len(plain) or len(set(stems)) < len(stems):
        return Fault("duplicate_options", "Two options say the same.")
    if ASKS_COLOUR.search(pair.question) and any(set(content(option)) - COLOUR_STEMS for option in options):
        return Fault("wrong_kind", "Options to a question of colour are colours and nothing else.")
    lengths = [len(option.split()) for option in options]
    if max(lengths) > gates.max_option_ratio * max(2, min(lengths)):
        return Fault("option_lengths", f"Options have {min(lengths)} to {max(lengths)} words; make them alike.")
    fault = alignment_fault(pair.question, pair.answer, caption, 1.0, gates.min_alignment)
    if fault:
        return fault
    for option in pair.wrong_options:
        if set(content(pair.answer)) <= set(content(option)):
            return Fault("wrong_option_true", f"{option!r} holds the right answer.")
        if (not set(content(option)) - COLOUR_STEMS) != (not set(content(pair.answer)) - COLOUR_STEMS):
            return Fault("bad_option", f"{option!r} is not of the same kind as {pair.answer!r}.")
        if stands_in(option, pair.question, caption):
            return Fault("wrong_option_true", f"{option!r} stands in the caption, so it may be right as well.")
        if kind_fault(pair.question, option):
            return Fault("bad_option", f"{option!r} is no answer to {pair.question!r}.")
    return None


def short_answer_fault(pair: FreePair, caption: str, gates: InstructionGates) -> Fault | None:
    """What keeps an answer from being an option: too long, cut off, a vague question, more than a colour if asked."""
    if len(pair.answer) >= gates.max_answer_chars or len(pair.answer.split()) > 8:
        return Fault("answer_length", f"{pair.answer!r} is too long for an option.")
    if _VAGUE.search(pair.question):
        return Fault("vague_question", "More than one option may fit.")
    if ASKS_COLOUR.search(pair.question) and set(content(pair.answer)) - COLOUR_STEMS:
        return Fault("wrong_kind", f"{pair.answer!r} is not a colour and nothing else.")
    if _IS.search(pair.answer):
        return Fault("answer_length", f"{pair.answer!r} is a sentence, not an option.")
    if gates.min_alignment >= 1 and not runs_in(content(pair.answer), content(caption)):
        return Fault("ungrounded_answer", f"{pair.answer!r} is put together from several places.")
    return None


def stands_in(option: str, question: str, caption: str) -> bool:
    """Whether a wrong option could be true: the caption has all its words, apart from those of the question."""
    own = [word for word in content(option) if word not in content(question)]
    return share_in(own, set(content(caption))) == 1.0
