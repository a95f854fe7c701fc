"""Gates on a problem: its steps tell what the caption says, and its answer rests on them.

Not here: gates on questions and answers of any task (instructions/gates.py).
"""

import re

from unicorn_assets.curation import prose
from unicorn_assets.curation.prose import Fault
from unicorn_assets.curation.words import content, runs_in, sentences, share_in
from unicorn_assets.instructions.complex_reasoning.answer import Problem
from unicorn_assets.instructions.gates import GENERIC_STEMS, attribute_fault, cut_by_schema, prose_fault
from unicorn_assets.recipe import InstructionGates

_REASONING = re.compile(
    r"\b(?:why|how (?:can|could|does|do|would|might|is|are)|what (?:would|could|might|will|can|happens|must|follows|"
    r"explains|suggests|causes)|which .* (?:would|could|might|must|will|first|next|before|after)|if|suppose|likely)\b",
    re.IGNORECASE,
)


def problem_fault(pair: Problem, caption: str, gates: InstructionGates) -> Fault | None:
    """What is wrong with the solution of a problem."""
    known = set(content(caption))
    parts = [*pair.steps, pair.answer]
    for part in parts:
        fault = prose_fault(part) or attribute_fault(part, caption)
        fault = fault or (None if part in caption else prose.stutter(part)) or cut_by_schema(part, gates)
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
    claim = [word for word in content(pair.question) if word not in GENERIC_STEMS]
    if prose.stutter(pair.question) or prose.circular(pair.question.partition(" that ")[2]):
        return Fault("repetitive", "The problem says of a thing that it is itself.")
    if max(share_in(claim, set(content(sentence))) for sentence in sentences(caption)) < gates.min_alignment:
        return Fault("misaligned", f"{pair.question!r} takes for granted what no sentence says.")
    reasons = [word for word in content(pair.answer) if word not in claim and word not in GENERIC_STEMS]
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
