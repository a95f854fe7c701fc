"""Gates on a problem: its steps tell what the caption says, and its answer rests on them.

Not here: gates on questions and answers of any task (instructions/gates.py).
"""

import re
from collections import Counter

from unicorn_assets.curation import repetition
from unicorn_assets.curation.prose import Fault
from unicorn_assets.curation.things import made_up
from unicorn_assets.curation.words import content, content_set, runs_in, sentences, share_in
from unicorn_assets.instructions import support
from unicorn_assets.instructions.complex_reasoning.answer import Problem
from unicorn_assets.instructions.conflicts import conflict
from unicorn_assets.instructions.gates import cut_by_schema
from unicorn_assets.instructions.kinds import GENERIC_STEMS
from unicorn_assets.instructions.strict import attribute_fault
from unicorn_assets.recipe import InstructionGates

_REASONING = re.compile(
    r"\b(?:why|how (?:can|could|does|do|would|might|is|are)|what (?:would|could|might|will|can|happens|must|follows|"
    r"explains|suggests|causes)|which .* (?:would|could|might|must|will|first|next|before|after)|if|suppose|likely)\b",
    re.IGNORECASE,
)


def problem_fault(pair: Problem, caption: str, gates: InstructionGates) -> Fault | None:
    """What is wrong with the solution of a problem."""
    parts = [*pair.steps, pair.answer]
    for part in parts:
        fault = cut_by_schema(part, gates)
        fault = fault or (repetition.stutter(part) if gates.strict and part not in caption else None)
        if fault:
            return fault
        if part.endswith("?") or len(part.split(None, 2)) < 3:
            return Fault("bad_step", f"{part!r} is not a step that tells something.")
    if not pair.answer.endswith((".", "!")):
        return Fault("cut_off", "The answer does not end.")
    if len({content_set(part) for part in parts}) < len(parts):
        return Fault("repetitive", "Two steps say the same.")
    if not gates.strict:
        return _support_fault(pair, caption)
    for part in parts:
        fault = attribute_fault(part, caption)
        if fault:
            return fault
        if share_in(content(part), content_set(caption) | content_set(pair.question)) < gates.min_grounding:
            return Fault("ungrounded_answer", f"{part!r} cannot be known from the caption.")
    if not content_set(pair.answer) - content_set(pair.question):
        return Fault("repeats_question", "The answer only repeats the problem.")
    if not _REASONING.search(pair.question):
        return Fault("no_reasoning", f"{pair.question!r} is looked up, not thought out.")
    return _claim_fault(pair, caption, gates)


def _support_fault(pair: Problem, caption: str) -> Fault | None:
    """Signs that steps and answer are not borne by the caption, by each other, or by more than the question itself."""
    parts = [*pair.steps, pair.answer]
    fault = next(filter(None, map(support.untold, parts)), None)
    if fault:
        return fault
    claim = content_set(pair.question) - support.LIGHT
    if claim and _says_again(claim, parts):
        return Fault("circular", "Steps and answer only say again what the question says.")
    fault = support.restated(pair.question, pair.answer)
    if fault:
        return fault
    if not _rests_on(pair.answer, [pair.question, *pair.steps]) and support.copied(pair.answer, caption):
        return Fault("misaligned", "The answer tells of something else than the question and the steps.")
    new = Counter([thing for part in parts for thing in made_up(part, caption, pair.question)])
    if len(new) > 2 or max(new.values(), default=0) > 1:
        return Fault("ungrounded_answer", f"Steps and answer build on what is not there: {', '.join(new)}.")
    fault = next(filter(None, (support.unknown_name(part, caption, pair.question) for part in parts)), None)
    fault = fault or next(filter(None, (support.property_fault("", part, caption) for part in parts)), None)
    fault = fault or next(filter(None, (conflict("", part, caption) for part in parts)), None)
    return fault or _unseen_fault(pair, caption)


def _unseen_fault(pair: Problem, caption: str) -> Fault | None:
    """Steps that take nothing from the caption but what the question has said of it."""
    parts = [*pair.steps, pair.answer]
    seen = frozenset().union(*map(content_set, parts)) & content_set(caption)
    if len(seen - content_set(pair.question) - support.LIGHT) < _LEAST_TAKEN:
        return Fault("circular", "The steps name nothing that is there but what the question has named.")
    return None


_LEAST_TAKEN = 2


def _says_again(claim: frozenset[str], parts: list[str]) -> bool:
    """Whether the parts hold, in the mean, six of ten of the claim's words."""
    spare = len(parts) * len(claim) - 0.6 * len(parts) * len(claim)
    for part in parts:
        spare -= len(claim) - len(_taken_up(claim, part))
        if spare < 0:
            return False
    return True


def _rests_on(answer: str, told: list[str]) -> bool:
    """Whether two words of the answer are taken up from what was told before it."""
    own = content_set(answer)
    if len(own & frozenset().union(*map(content_set, told))) > 1:
        return True
    return len(frozenset().union(*(_taken_up(own, text) for text in told))) > 1


def _taken_up(wanted: frozenset[str], text: str) -> frozenset[str]:
    """Those stems that a text has too, in whatever form: 'pianist' and 'piano', 'bridge' and 'footbridge'."""
    own = content_set(text)
    held = wanted & own
    if len(held) == len(wanted):
        return held
    begins = {stem[:4] for stem in own}
    found = [word for word in wanted - held if word[:4] in begins or _ends_one(word, text)]
    return held.union(found) if found else held


def _ends_one(word: str, text: str) -> bool:
    """Whether a stem of four letters or more ends with the word."""
    return f"{word} " in f"{' '.join(content(text))} " and any(
        len(stem) > 3 and stem.endswith(word) for stem in content_set(text)
    )


def _claim_fault(pair: Problem, caption: str, gates: InstructionGates) -> Fault | None:
    """What the question takes for granted must be said in one sentence, and the answer must rest on the steps."""
    claim = [word for word in content(pair.question) if word not in GENERIC_STEMS]
    if repetition.stutter(pair.question) or repetition.circular(pair.question.partition(" that ")[2]):
        return Fault("repetitive", "The problem says of a thing that it is itself.")
    if max(share_in(claim, content_set(sentence)) for sentence in sentences(caption)) < gates.min_alignment:
        return Fault("misaligned", f"{pair.question!r} takes for granted what no sentence says.")
    reasons = [word for word in content(pair.answer) if word not in claim and word not in GENERIC_STEMS]
    shown = frozenset().union(*(content_set(step) for step in pair.steps if share_in(claim, content_set(step)) == 1))
    if shown and shown.issuperset(reasons):
        return Fault("circular", "The answer only repeats the step that says what is asked; give another reason.")
    if share_in(reasons, frozenset().union(*map(content_set, pair.steps))) < gates.min_grounding:
        return Fault("unsupported", "The answer does not rest on the steps.")
    if gates.extractive:
        claimed = pair.question.partition(" that ")[2].rstrip("?")
        fault = attribute_fault(claimed, caption)
        if fault:
            return fault
        said = content(claimed)
        if not any(runs_in(said, content(sentence)) for sentence in sentences(caption)):
            return Fault("misaligned", f"{pair.question!r} takes for granted what no sentence says in these words.")
        if share_in(claim, content_set(pair.answer)) < 0.5:
            return Fault("unsupported", "The answer gives a fact that has little to do with what is asked.")
        because = pair.answer.partition("because ")[2] or pair.answer
        for clause in re.split(r"[,;]\s+|\sand\s(?=the |a |an |they |it |he |she |their |its )|\.\s+", because):
            if max(share_in(content(clause), content_set(step)) for step in pair.steps) < 1:
                return Fault("unsupported", f"No step alone says {clause!r}.")
    return None
