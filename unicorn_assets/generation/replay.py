"""Is every answer that some rows will need in the journal already? Then no server has to be started."""

import itertools
from collections.abc import Iterable
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.llm.client.drafting import Refusal, judge
from unicorn_assets.llm.endpoints.base import Endpoint
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.row import Draftable
from unicorn_assets.llm.settings import LlmSettings


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
