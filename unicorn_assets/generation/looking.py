"""A second look: the parts of an accepted value are asked about again, and a part that fails is taken away.

A row keeps its value while enough parts are left, else it is refused with the look's reason, and goes on as a row whose
second step failed. A part that nobody was asked about, for the look's own budget was used up, stays. Here: who is
asked, and what becomes of a row. Not here: what is asked and what fails (a Look).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from unicorn_assets.generation.prompt import Prompt
from unicorn_assets.generation.rounds import Ask, Attempt, ExtraDraft, Outcome
from unicorn_assets.generation.stage import FollowUp
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import NOT_ASKED, Accepted, Quarantined, Resume, unheard
from unicorn_assets.llm.settings import OwnBudget


@dataclass(frozen=True)
class Question:
    """One request about a part. Its answer is read by `read`, which gives None for one that says nothing; there is no
    second draft. Where `own_budget` is used up it is not asked.
    """

    row_id: str
    asked: ChatRequest
    read: Callable[[str], Any]
    own_budget: OwnBudget | None = None
    max_drafts: ClassVar[int] = 1

    def request(self, draft: int, problem: str | None) -> ChatRequest:  # noqa: ARG002 - there is only one
        """The request."""
        return self.asked

    def accept(self, text: str, on_repair: Callable[[], None] = unheard) -> tuple[Any]:  # noqa: ARG002
        """What was read, in a tuple: None is an answer too."""
        return (self.read(text),)


class Look(Protocol):
    """`name` stands in the ids of its requests, `reason` is the code of rows that it leaves too little of."""

    @property
    def name(self) -> str:
        """Of the look."""

    @property
    def reason(self) -> str:
        """Of a refused row."""

    @property
    def prompt(self) -> Prompt:
        """What is asked with."""

    @property
    def follow_up(self) -> FollowUp:
        """What it costs at most."""

    def marks(self) -> list[Any]:
        """All that decides its verdicts, for the stage's version."""

    def questions(self, row: Any, part: Any) -> Sequence[tuple[ChatRequest, Callable[[str], Any]]]:
        """Requests about a part of a row's value, and how their answers are read."""

    def fault(self, row: Any, part: Any, answers: Sequence[Any]) -> str | None:
        """What the answers say against the part, as a sentence; None when it may stay."""


def looked_at(attempt: Callable[[Ask], Attempt], look: Look) -> Callable[[Ask], Attempt]:
    """`attempt`, with a look at the parts (a list) of each value that it accepts."""

    def composed(ask: Ask) -> Attempt:
        first, left = attempt(ask), look.follow_up.most_a_shard

        def run(rows: Sequence[Any]) -> Mapping[str, Outcome]:
            nonlocal left
            found, asked, own = dict(first(rows)), list[Question](), look.follow_up.own
            for row in rows:
                outcome = found[row.row_id]
                for number, part in enumerate(outcome.value if isinstance(outcome, Accepted) else ()):
                    about = f"{row.row_id}#{number}.{look.name}"
                    wanted = enumerate(look.questions(_bare(row), part))
                    asked += [Question(f"{about}{n}", *one, own) for n, one in wanted]
            if left is not None:  # by the order of rows, never of answers
                asked, left = asked[:left], left - len(asked[:left])
            answered = {outcome.row_id: outcome for outcome in ask(asked)}
            by_part: dict[str, list[Outcome]] = defaultdict(list)
            for question in asked:
                outcome = answered[question.row_id]
                if not (isinstance(outcome, Quarantined) and outcome.reason == NOT_ASKED):
                    by_part[question.row_id.rpartition(".")[0]].append(outcome)
            for row in rows:
                outcome = found[row.row_id]
                if isinstance(outcome, Accepted):
                    parts = [by_part.get(f"{row.row_id}#{n}", []) for n in range(len(outcome.value))]
                    found[row.row_id] = _judged(_bare(row), outcome, parts, look)
            return found

        return run

    return composed


def _bare(row: Any) -> Any:
    return row.row if isinstance(row, ExtraDraft) else row


def _judged(row: Any, first: Accepted[Any], by_part: Sequence[Sequence[Outcome]], look: Look) -> Outcome:
    asked = [outcome for outcomes in by_part for outcome in outcomes]
    drafts, tokens = first.drafts + sum(one.drafts for one in asked), first.tokens + sum(one.tokens for one in asked)
    unanswered = next((one for one in asked if isinstance(one, Quarantined)), None)
    if unanswered is not None:
        return replace(unanswered, row_id=row.row_id, drafts=drafts, tokens=tokens, resume=None)
    kept, faults = [], []
    for part, outcomes in zip(first.value, by_part, strict=True):
        answers = [outcome.value[0] for outcome in outcomes if isinstance(outcome, Accepted)]
        fault = look.fault(row, part, answers) if answers else None
        if fault is None:
            kept.append(part)
        else:
            faults.append(fault)
    least = row.settings.gates.min_pairs
    if len(kept) >= least:
        return Accepted(row.row_id, kept, first.answer, drafts, tokens)
    answer = first.answer
    return Quarantined(
        row.row_id, look.reason, f"{len(kept)} good pairs, {least} needed. {' '.join(faults)}".strip(), answer.text,
        drafts, answer.attempts, answer.model, answer.key, answer.seconds, tokens, Resume(first.drafts, None),
    )  # fmt: skip
