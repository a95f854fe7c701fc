"""Rows judged by stored answers alone: is every answer there that they need, and what becomes of them by it.

Nobody is asked. Here: walking a row's drafts through the journal. Not here: what is asked (stages), the verdict on an
answer (llm/client/drafting.py).
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.llm.client.drafting import Refusal, judge
from unicorn_assets.llm.client.job import Job
from unicorn_assets.llm.client.verdicts import Verdicts
from unicorn_assets.llm.endpoints.base import Endpoint
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.failure import Failure
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import NOT_ASKED, Accepted, Draftable, Quarantined
from unicorn_assets.llm.settings import LlmSettings

NOT_STORED = "not_stored"
"""Reason of a row whose next answer is not in the journal."""
MORE = 1000
"""Further drafts that a row may have had: as many as one grant or recipe can give."""

Heard = Callable[[Job[Any], Answer, Refusal | None], None]
"""Told of each draft: its request, its answer, and why a gate refused it."""


def all_answered(
    rows: Iterable[Draftable[Any]], journal: Journal, model: str, revision: str, settings: LlmSettings
) -> bool:
    """Whether each row's drafts lead to its outcome with stored answers alone, by the engine's own verdicts."""
    return all(_answered(row, journal, model, revision, settings) for row in rows)


def _answered(row: Draftable[Any], journal: Journal, model: str, revision: str, settings: LlmSettings) -> bool:
    problem, tokens = None, 0
    for draft in itertools.count():
        answer = journal.get(row.request(draft, problem).key(model, revision))
        if answer is None:
            return False
        tokens += answer.completion_tokens
        verdict = judge(row, answer, draft, tokens, settings)
        if not isinstance(verdict, Refusal) or not verdict.again:
            break
        problem = verdict.problem
    return True


def has_own_budget(row: Draftable[Any]) -> bool:
    """Whether the row may be left unasked, without harm."""
    return getattr(row, "own_budget", None) is not None


def stored(
    journal: Journal,
    model: str,
    revision: str,
    settings: LlmSettings,
    heard: Heard = lambda *_: None,
    beyond: Callable[[Draftable[Any]], bool] = has_own_budget,
) -> Callable[[Iterable[Draftable[Any]]], Iterator[Accepted[Any] | Quarantined]]:
    """Asks the journal and nobody else: a row whose next answer is not there is quarantined as `NOT_STORED`, or as
    `NOT_ASKED` where `beyond` says that its own budget has no room for it.
    """

    def ask(rows: Iterable[Draftable[Any]]) -> Iterator[Accepted[Any] | Quarantined]:
        for row in rows:
            found: list[Accepted[Any] | Quarantined | Event] = []
            verdicts = Verdicts[Any](settings, model, found.append)
            job = _job(row, 0, None, model, revision)
            while (answer := journal.get(job.key)) is not None:
                refusal = verdicts.judge(job, answer)
                heard(job, answer, refusal or _refusal_of(found))
                if refusal is None:
                    break
                following = _job(row, job.draft + 1, refusal.problem, model, revision)
                following.tokens, following.seconds = job.tokens, job.seconds
                job = following
            else:
                reason = NOT_ASKED if beyond(row) else NOT_STORED
                verdicts.failed(job, Failure(reason, "its answer is not in the journal"), 0)
            yield next(one for one in reversed(found) if not isinstance(one, Event))

    return ask


def _job(row: Draftable[Any], draft: int, problem: str | None, model: str, revision: str) -> Job[Any]:
    request = row.request(draft, problem)
    return Job(row, request, request.key(model, revision), draft)


def _refusal_of(found: list[Accepted[Any] | Quarantined | Event]) -> Refusal | None:
    """Why the last draft, after which the row was given up, was refused."""
    last = next(one for one in reversed(found) if not isinstance(one, Event))
    return None if isinstance(last, Accepted) else Refusal(last.reason, last.detail, again=False)


class JournalOnly(Endpoint):
    """Stands in for an endpoint whose answers are all stored: it has its identity and is never asked."""

    def __init__(self, model: str, revision: str) -> None:
        super().__init__()
        self.model, self.revision = model, revision
        self.base_urls = ("http://journal.invalid/v1",)

    def start(self) -> None:
        """There is nothing to start."""

    def revive(self, base_url: str) -> str | None:
        """It never comes back, for it was never there."""
        raise UserError(f"the journal lacks an answer and no server was started ({base_url})", "run it again")
