"""What is told of a row: that an answer was accepted or refused, was repaired, or that the row is given up.

Not here: the judgement itself (drafting.py), what the engine does about it (core.py).
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from unicorn_assets.llm.client.drafting import Refusal, judge
from unicorn_assets.llm.client.job import Job
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.failure import Failure
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import Accepted, Quarantined, Resume
from unicorn_assets.llm.settings import LlmSettings

T = TypeVar("T")


class Verdicts(Generic[T]):
    """Tells `out` what becomes of the rows of one run, whose answers are those of `model`."""

    def __init__(
        self, settings: LlmSettings, model: str, out: Callable[[Accepted[T] | Quarantined | Event], None]
    ) -> None:
        self._settings, self._model, self._out = settings, model, out

    def judge(self, job: Job[T], answer: Answer) -> Refusal | None:
        """Judge an answer and tell what becomes of its row; the refusal if the row gets another draft."""
        row_id, judged = job.row.row_id, job.draft + 1
        job.tokens += answer.completion_tokens
        job.seconds += answer.seconds
        verdict = judge(
            job.row, answer, job.draft, job.tokens, self._settings, lambda: self._out(Event("repaired", row_id))
        )
        if not isinstance(verdict, Refusal):
            self._out(Accepted(row_id, verdict, answer, judged, job.tokens))
            return None
        reason, problem = verdict.reason, verdict.problem
        self._out(Event("rejected", row_id, reason, problem, answer))
        if verdict.again:
            return verdict
        self._quarantine(job, reason, problem, answer.text, judged, answer.attempts, Resume(judged, problem))
        return None

    def failed(self, job: Job[T], failure: Failure, attempts: int) -> None:
        """The row is given up for want of an answer."""
        self._quarantine(job, failure.reason, failure.detail, failure.excerpt, job.draft, attempts, None)

    def _quarantine(
        self, job: Job[T], reason: str, detail: str, raw: str, drafts: int, attempts: int, resume: Resume | None
    ) -> None:
        row_id, seconds, tokens = job.row.row_id, job.seconds, job.tokens
        self._out(
            Quarantined(row_id, reason, detail, raw, drafts, attempts, self._model, job.key, seconds, tokens, resume)
        )
