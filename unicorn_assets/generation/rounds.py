"""Drafts beyond the ordinary ones: until a wanted share of the rows is accepted, and those granted to single rows.

Who gets a further draft follows from the rows' outcomes alone, never from the order in which answers come: a run that
was killed, and a replay from the journal, decide the same. Here: rounds. Not here: how rows are asked (`attempt`), or
where grants are kept (lake/redrives.py).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, TypeAlias

from unicorn_assets.llm.events import Event
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Accepted, Draftable, Quarantined, Resume, unheard
from unicorn_assets.llm.settings import Accept

Outcome: TypeAlias = Accepted[Any] | Quarantined
Ask: TypeAlias = Callable[[Iterable[Draftable[Any]]], Iterator[Outcome]]
"""Takes rows and gives their outcomes, in any order."""
Attempt: TypeAlias = Callable[[Sequence[Any]], Mapping[str, Outcome]]
"""Asks about rows and gives their outcomes by row id."""

SURPLUS = "surplus"


@dataclass(frozen=True)
class ExtraDraft:
    """A refused row with one more draft, the one that it would have got next."""

    row: Draftable[Any]
    earlier: Quarantined
    max_drafts: ClassVar[int] = 1

    @property
    def row_id(self) -> str:
        """The row's own id."""
        return self.row.row_id

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        """The row's next request; it is told why its last answer was refused."""
        at = self.earlier.resume
        assert at is not None, "a row without an answer asks the same draft again"
        return self.row.request(at.draft + draft, at.problem if draft == 0 else problem)

    def accept(self, text: str, on_repair: Callable[[], None] = unheard) -> Any:
        """As the row judges."""
        return self.row.accept(text, on_repair)


def taken_up(row: ExtraDraft) -> Event:
    """Tells observers that the row's outcome does not count any more."""
    at = row.earlier.resume
    # Without a problem its own answer was good; something that hung on it was not.
    return Event("taken_up", row.row_id, row.earlier.reason if at is not None and at.problem is not None else "")


def wanted_rows(accept: Accept | None, rows: int) -> int | None:
    """How many of `rows` rows the recipe wants accepted; None when it does not say."""
    if accept is None:
        return None
    return math.ceil(Fraction(str(accept.share)) * rows)  # 0.07 of 100 is 7, which floats deny


def outcomes(
    rows: Sequence[Draftable[Any]],
    attempt: Attempt,
    accept: Accept | None = None,
    granted: Mapping[str, int] | None = None,
    max_row_tokens: int | None = None,
) -> dict[str, Outcome]:
    """Outcomes by row id: ordinary drafts, then the rounds that `accept` wants, then drafts `granted` by row id.

    Grants come last, so that a granted draft is always one more than the row has had.
    """
    run = _Rounds(rows, attempt)
    wanted = wanted_rows(accept, len(rows))
    if accept is not None and wanted is not None:
        run.fill(wanted, accept.more_drafts, max_row_tokens)
    run.grant(granted or {})
    if accept is not None and accept.exact and wanted is not None:
        run.cut(wanted)
    return run.found


def shortfall(accept: Accept | None, rows: int, accepted: int) -> dict[str, int]:
    """What a shard says of its wanted share: rows wanted, accepted, and missing. Empty when the recipe wants none."""
    wanted = wanted_rows(accept, rows)
    if wanted is None:
        return {}
    return {"wanted rows": wanted, "accepted rows": accepted, "short by": max(0, wanted - accepted)}


class _Rounds:
    def __init__(self, rows: Sequence[Draftable[Any]], attempt: Attempt) -> None:
        self._rows, self._attempt = rows, attempt
        self.found: dict[str, Outcome] = dict(attempt(rows))

    def fill(self, wanted: int, more_drafts: int, max_row_tokens: int | None) -> None:
        """Each round asks for exactly as many rows as are missing, so that no answer is paid for in vain."""
        used = Counter[str]()
        while (missing := wanted - self._accepted()) > 0:
            usable = [
                row
                for row, outcome in self._refused()
                if used[row.row_id] < more_drafts and (max_row_tokens is None or outcome.tokens < max_row_tokens)
            ]
            if not usable:
                return
            usable.sort(key=lambda row: self._drafts(row.row_id))  # of equal ones the first row goes first
            self._again(usable[:missing])
            used.update(row.row_id for row in usable[:missing])

    def grant(self, granted: Mapping[str, int]) -> None:
        """Row by row up to its number of further drafts, one round at a time."""
        for number in range(max(granted.values(), default=0)):
            chosen = [row for row, _ in self._refused() if granted.get(row.row_id, 0) > number]
            if not chosen:
                return
            self._again(chosen)

    def cut(self, wanted: int) -> None:
        """Put aside the last accepted rows beyond `wanted`."""
        accepted = [row.row_id for row in self._rows if isinstance(self.found[row.row_id], Accepted)]
        for row_id in accepted[wanted:]:
            outcome = self.found[row_id]
            assert isinstance(outcome, Accepted)
            answer = outcome.answer
            self.found[row_id] = Quarantined(
                row_id, SURPLUS, f"good, but the recipe wants exactly {wanted} of {len(self._rows)} rows", answer.text,
                outcome.drafts, answer.attempts, answer.model, answer.key, answer.seconds, outcome.tokens,
                Resume(outcome.drafts, None),
            )  # fmt: skip

    def _again(self, chosen: Sequence[Draftable[Any]]) -> None:
        further = []
        for row in chosen:
            earlier = self.found[row.row_id]
            assert isinstance(earlier, Quarantined)
            further.append(ExtraDraft(row, earlier))
        answered = self._attempt(further)
        for row in further:
            self.found[row.row_id] = _together(row.earlier, answered[row.row_id])

    def _accepted(self) -> int:
        return sum(isinstance(outcome, Accepted) for outcome in self.found.values())

    def _refused(self) -> list[tuple[Draftable[Any], Quarantined]]:
        """Rows that a gate refused, in order. Those whose server failed have an answer to come first."""
        pairs = ((row, self.found[row.row_id]) for row in self._rows)
        return [(row, found) for row, found in pairs if isinstance(found, Quarantined) and found.resume is not None]

    def _drafts(self, row_id: str) -> int:
        return self.found[row_id].drafts


def _together(earlier: Quarantined, now: Outcome) -> Outcome:
    """The outcome of all drafts of a row."""
    drafts, tokens = earlier.drafts + now.drafts, earlier.tokens + now.tokens
    if isinstance(now, Accepted):
        return replace(now, drafts=drafts, tokens=tokens)
    assert earlier.resume is not None
    resume = now.resume and replace(now.resume, draft=earlier.resume.draft + now.resume.draft)
    return replace(now, drafts=drafts, tokens=tokens, seconds=earlier.seconds + now.seconds, resume=resume)
