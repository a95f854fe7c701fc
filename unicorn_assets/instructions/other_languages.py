"""Gates on pairs in another language than English: form, length, repeats; none that rests on English words.

What is off: `curation.languages.OFF`. Not here: English (gates.py and each task's folder).
"""

from __future__ import annotations

from unicorn_assets.curation import prose
from unicorn_assets.curation.languages import ASKS, ends, length_in, name_of, reads_as, units
from unicorn_assets.curation.prose import Fault
from unicorn_assets.instructions.answer import Pair
from unicorn_assets.instructions.gates import texts_of
from unicorn_assets.recipe import InstructionGates


def fault_in(language: str, pair: Pair, gates: InstructionGates) -> Fault | None:
    """What is wrong with a pair of any task, or None."""
    texts = texts_of(pair)
    for text in texts:
        fault = prose.markup(text) or prose.chat_mark(text) or prose.emphasis(text)
        if fault:
            return fault
    if not reads_as(" ".join(texts), language):
        return Fault("wrong_language", f"Write in {name_of(language)}.")
    question, answer = pair.question, str(getattr(pair, "answer", ""))
    if not question.endswith(ASKS) or sum(map(question.count, ASKS)) > 1:
        return Fault("not_a_question", f"{question!r} is not one question that ends with a question mark.")
    if not 3 <= length_in(question) <= 60:
        return Fault("question_length", "A question has 3 to 60 words.")
    if any(len(text) >= gates.max_answer_chars and not ends(text) for text in texts[1:]):
        return Fault("cut_off", "A text fills its room and does not end.")
    own = set(units(answer, language))
    if answer.endswith(ASKS) or (own and own <= set(units(question, language))):
        return Fault("repeats_question", f"{answer!r} only repeats the question.")
    steps: list[str] = [*getattr(pair, "steps", ()), answer]
    if len({units(step, language) or step for step in steps}) < len(steps):
        return Fault("repetitive", "Two steps say the same.")
    options = [answer, *getattr(pair, "wrong_options", ())]
    if len({option.casefold() for option in options}) < len(options):
        return Fault("duplicate_options", "Two options say the same.")
    lengths = list(map(length_in, options))
    if max(lengths) > gates.max_option_ratio * max(3, min(lengths)):
        return Fault("option_lengths", "Options are of very different lengths; make them alike.")
    return None


def same_question(one: str, other: str, language: str) -> bool:
    """Whether two questions ask with the same words."""
    return sorted(units(one, language)) == sorted(units(other, language))
