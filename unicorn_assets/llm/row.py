"""The contract between the engine and a stage: a row that can draft requests and judge answers.

The engine never looks into a row; a stage never sees HTTP.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from unicorn_assets.llm.request import Answer, ChatRequest

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


NOT_ASKED = "not_asked"
"""Reason of a row that its own budget left no room for: nobody asked, and nothing is known of it."""


def unheard() -> None:
    """Nobody wants to know."""


class Rejected(Exception):  # noqa: N818 - a verdict about an answer, not an error of the program
    """The answer fails the row's gates.

    `reason` is a short code (snake case, stable, counted in tables), `detail` a sentence that a corrective re-ask can
    show to the model.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


def problem_of(verdict: Rejected, answer: Answer) -> str:
    """Why an answer was rejected, in the words that the row's next request gets."""
    problem = verdict.detail or verdict.reason.replace("_", " ")
    return f"{problem} (the answer was cut off at the token limit)" if answer.cut_off else problem


class Draftable(Protocol[T_co]):
    """One row of work. Both methods must be pure functions of the row: a replay relies on it.

    A row may have an attribute `max_drafts`, which then replaces the limits on drafts and tokens of the settings, and
    one `own_budget` (settings.OwnBudget): where that is used up, the row is not asked, and quarantined as NOT_ASKED.
    """

    @property
    def row_id(self) -> str:
        """The id under which the outcome is reported; it never enters the journal's key."""

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        """The request of draft 0, 1, ...; `problem` says why the previous draft was rejected (None for draft 0)."""

    def accept(self, text: str, on_repair: Callable[[], None] = unheard) -> T_co:
        """The value made from the answer; raises Rejected. Calls `on_repair` if its JSON had to be mended first."""


@dataclass(frozen=True, slots=True)
class Accepted(Generic[T]):
    """A row whose draft number `drafts` (from 1) passed its gates; `tokens`: completion tokens of all its drafts."""

    row_id: str
    value: T
    answer: Answer
    drafts: int
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a refused row would go on: its next `draft`, and the `problem` that this request would be told."""

    draft: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row that used up its budget. `drafts` were judged; `attempts` HTTP requests were made for the last one.

    `resume` is None when the last request got no answer at all: then the same draft has to be asked again.
    """

    row_id: str
    reason: str
    detail: str
    raw_answer: str
    drafts: int
    attempts: int
    model: str
    request_hash: str
    seconds: float
    tokens: int = 0
    resume: Resume | None = None

    @property
    def asked(self) -> int:
        """Drafts that were asked for: those that were judged, and one that got no answer."""
        return self.drafts + (self.resume is None)
