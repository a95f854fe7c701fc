"""From a model's pairs to pairs fit for training: what is dropped, and why.

A pair is dropped whole, never mended, and the record goes on with the others; the stage refuses a record with too few.
The gates cannot know whether an answer is true. They demand signs of it: the answer's words stand in the caption, close
to the question's words; wrong options do not stand there; the answer is of the kind that the question word asks for.
"""

from __future__ import annotations

import re

from unicorn_assets.captions.gates import attributes
from unicorn_assets.curation import prose
from unicorn_assets.curation.prose import COLOUR_STEMS, NUMBERS, Fault
from unicorn_assets.curation.words import FUNCTION_WORDS, content, runs_in, sentences, share_in, stem, word_set, words
from unicorn_assets.instructions.answer import ChoicePair, FreePair, Pair, Problem
from unicorn_assets.recipe import InstructionGates

_QUESTION_START = re.compile(
    r"^(?:(?:in|on|at|to|from|with|for|by|of|about|beside|behind|under) )?(?:what|which|who|whose|whom|where|when|why|"
    r"how|is|are|does|do|did|can|could|would|will|has|have|if|suppose|given|imagine)\b|,\s*(?:what|which|who|where|"
    r"why|how|would|is|are|does)\b",
    re.IGNORECASE,
)
_REASONING = re.compile(
    r"\b(?:why|how (?:can|could|does|do|would|might|is|are)|what (?:would|could|might|will|can|happens|must|follows|"
    r"explains|suggests|causes)|which .* (?:would|could|might|must|will|first|next|before|after)|if|suppose|likely)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:in|on|at|under|over|above|below|behind|beside|between|next|near|inside|outside|along|across|through|around|"
    r"against|among|into|onto|from|to|by|left|right|top|front|middle|background|foreground|of)\b",
    re.IGNORECASE,
)
_VAGUE = re.compile(r"\blooks? like\b|\bwho (?:made|makes|owns)\b|\bnames?\b|\bin common\b|\bpurpose\b", re.IGNORECASE)
_VAGUE_WHAT = re.compile(r"^wh(?:at|o) (?:is|are) (?:the |an? )?[\w-]+(?: (?!\w+ing\b)[\w-]+)?\?$", re.IGNORECASE)
_IS = re.compile(r"\b(?:is|are|was|were|has|have)\b", re.IGNORECASE)
_WHAT_IS = re.compile(
    r"^what (?:is|are) (?!(?:on|in|under|behind|beside|next|above|near|between|at)\b)"
    r"(?!.*\b(?:\w+ing|\w+ed|made|colou?rs?|hung|worn|held|built|kept|seen)\b)|\blike\?$|"
    r"^what (?:is|are) .*\b(?!doing\b)\w+ing (?:in|on|at|near|under|with|by) the \w+\?$|"
    r"^what (?:is|are) .*\w+ing (?!(?:in|on|at|near|under|with|by|from|to|of|for|over|behind|up|down|into)\b)\w+\?$",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;:]\s+|\s(?=which\b|while\b)")
_COLOUR = re.compile(r"\bcolou?rs?\b", re.IGNORECASE)
_EMPTY_OPTION = re.compile(r"\b(?:all|none|both|neither) of\b|\b(?:unknown|n/?a|not sure|other)\b", re.IGNORECASE)
_LETTERED = re.compile(r"^\(?[A-D1-4][.):]\s")
_GENERIC = word_set(
    "color colour kind type sort number many much thing object item people person main look like "
    "appear happen tell know"
)


def fault_of(pair: Pair, caption: str, gates: InstructionGates) -> Fault | None:
    """What is wrong with a pair, or None."""
    fault = _question_fault(pair.question, caption)
    if fault is None and isinstance(pair, ChoicePair):
        return _choice_fault(pair, caption, gates)
    if fault is None and isinstance(pair, Problem):
        return _problem_fault(pair, caption, gates)
    return fault or _free_fault(pair.question, pair.answer, caption, gates)


def _question_fault(question: str, caption: str) -> Fault | None:
    common = prose_fault(question)
    if common:
        return common
    if not question.endswith("?") or question.count("?") > 1 or not _QUESTION_START.search(question):
        return Fault("not_a_question", f"{question!r} is not one question that ends with '?'.")
    if _VAGUE_WHAT.search(question):
        return Fault("vague_question", f"{question!r} does not say what is wanted.")
    if not 4 <= len(question.split()) <= 40:
        return Fault("question_length", "A question has 4 to 40 words.")
    asked = [word for word in content(question) if word not in _GENERIC_STEMS]
    if not asked or share_in(asked, set(content(caption))) < 0.5:
        return Fault("ungrounded_question", f"{question!r} asks about things that are not there.")
    return None


_GENERIC_STEMS = frozenset(stem(word) for word in _GENERIC)


def prose_fault(text: str) -> Fault | None:
    """The gates of any prose, for one field of a pair."""
    for gate in (prose.refusal, prose.markup, prose.chat_mark, prose.garbled, prose.meta, prose.person):
        fault = gate(text)
        if fault:
            return fault
    if re.search(r"\b(?:words?|sentences?|phrases?|question|answer|text)\b", text, re.IGNORECASE):
        return Fault("meta_mention", "Ask about what is there, not about words or sentences.")
    return None


def _choice_fault(pair: ChoicePair, caption: str, gates: InstructionGates) -> Fault | None:
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
    if _COLOUR.search(pair.question) and any(set(content(option)) - COLOUR_STEMS for option in options):
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
    if _COLOUR.search(pair.question) and set(content(pair.answer)) - COLOUR_STEMS:
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


def _free_fault(question: str, answer: str, caption: str, gates: InstructionGates) -> Fault | None:
    fault = prose_fault(answer) or _cut_by_schema(answer, gates)
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


def _cut_by_schema(text: str, gates: InstructionGates) -> Fault | None:
    """A server that holds the model to the schema ends a text at its `maxLength`, wherever that is."""
    if len(text) < gates.max_answer_chars or text.rstrip("\"”'’)").endswith((".", "!")):
        return None
    return Fault("cut_off", f"{text!r} fills the room for an answer and does not end.")


def _problem_fault(pair: Problem, caption: str, gates: InstructionGates) -> Fault | None:
    known = set(content(caption))
    parts = [*pair.steps, pair.answer]
    for part in parts:
        fault = prose_fault(part) or attribute_fault(part, caption)
        fault = fault or (None if part in caption else prose.stutter(part)) or _cut_by_schema(part, gates)
        if fault:
            return fault
        if part.endswith("?") or len(part.split()) < 3:
            return Fault("bad_step", f"{part!r} is not a step that tells something.")
        if share_in(content(part), known | set(content(pair.question))) < gates.min_grounding:
            return Fault("ungrounded_answer", f"{part!r} cannot be known from the caption.")
    if not pair.answer.endswith((".", "!")):
        return Fault("cut_off", "The answer does not end.")
    if len({frozenset(content(part)) for part in parts}) < len(parts):
        return Fault("repetitive", "Two steps say the same.")
    if not set(content(pair.answer)) - set(content(pair.question)):
        return Fault("repeats_question", "The answer only repeats the problem.")
    if not _REASONING.search(pair.question):
        return Fault("no_reasoning", f"{pair.question!r} is looked up, not thought out.")
    return _claim_fault(pair, caption, gates)


def _claim_fault(pair: Problem, caption: str, gates: InstructionGates) -> Fault | None:
    """What the question takes for granted must be said in one sentence, and the answer must rest on the steps."""
    claim = [word for word in content(pair.question) if word not in _GENERIC_STEMS]
    if prose.stutter(pair.question) or prose.circular(pair.question.partition(" that ")[2]):
        return Fault("repetitive", "The problem says of a thing that it is itself.")
    if max(share_in(claim, set(content(sentence))) for sentence in sentences(caption)) < gates.min_alignment:
        return Fault("misaligned", f"{pair.question!r} takes for granted what no sentence says.")
    reasons = [word for word in content(pair.answer) if word not in claim and word not in _GENERIC_STEMS]
    if share_in(reasons, set(content(" ".join(pair.steps)))) < gates.min_grounding:
        return Fault("unsupported", "The answer does not rest on the steps.")
    if gates.extractive:
        claimed = pair.question.partition(" that ")[2].rstrip("?")
        fault = attribute_fault(claimed, caption)
        if fault:
            return fault
        said = content(claimed)
        if not any(runs_in(said, content(sentence)) for sentence in sentences(caption)):
            return Fault("misaligned", f"{pair.question!r} takes for granted what no sentence says in these words.")
        if share_in(claim, set(content(pair.answer))) < 0.5:
            return Fault("unsupported", "The answer gives a fact that has little to do with what is asked.")
        because = pair.answer.partition("because ")[2] or pair.answer
        for clause in re.split(r"[,;]\s+|\sand\s(?=the |a |an |they |it |he |she |their |its )|\.\s+", because):
            if max(share_in(content(clause), set(content(step))) for step in pair.steps) < 1:
                return Fault("unsupported", f"No step alone says {clause!r}.")
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
    asked = set(content(question))
    own = content(answer) or [word for word in words(answer) if word not in FUNCTION_WORDS or word in NUMBERS]
    if not own:
        return Fault("empty_answer", f"{answer!r} says nothing.")
    if _COLOUR.search(question) and not _coloured(asked, set(own), caption):
        return Fault("misaligned", "No sentence gives this colour to the thing that is asked about.")
    known = set(content(caption)) | {word for word in words(caption) if word in NUMBERS}
    if share_in(own, known) < min_grounding:
        return Fault("ungrounded_answer", f"{answer!r} cannot be known from the caption.")
    new = [word for word in own if word not in asked]
    if not new:
        return Fault("repeats_question", f"{answer!r} only repeats the question.")
    topic = {word for word in asked if word not in _GENERIC_STEMS}
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
    if _COLOUR.search(asks) and not held & COLOUR_STEMS:
        return Fault("wrong_kind", f"{answer!r} is not a colour.")
    if re.search(r"\bhow many\b", asks) and not (held & NUMBERS or re.search(r"\d", answer)):
        return Fault("wrong_kind", f"{answer!r} is not a number.")
    if re.match(r"where\b", asks) and not _PLACE.search(answer):
        return Fault("wrong_kind", f"{answer!r} is not a place.")
    return None
