"""The LLM as a Dagster resource: journal and server are opened on first use and closed with the run.

A shard whose answers are all in the journal starts no server.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from unicorn_assets.captions.stage import Ask
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.endpoints import Endpoint, open_endpoint
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.ledger import Ledger
from unicorn_assets.llm.replay import JournalOnly, all_answered
from unicorn_assets.llm.row import Accepted, Draftable, Quarantined
from unicorn_assets.progress import Stage
from unicorn_assets.resources.loaded import loaded


class LlmResource(dg.ConfigurableResource):
    """Asks the model that the recipe names, and keeps every answer in the lake's journal."""

    recipe: str
    lake_url: str
    logs: str
    _lifetime: ExitStack = PrivateAttr(default_factory=ExitStack)
    _journal: Journal | None = PrivateAttr(default=None)
    _endpoint: Endpoint | None = PrivateAttr(default=None)
    _started: bool = PrivateAttr(default=False)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["LlmResource"]:  # noqa: ARG002
        """Hand out the resource; whatever it opened ends with the run, well or not."""
        with ExitStack() as lifetime:
            self._lifetime, self._journal, self._endpoint, self._started = lifetime, None, None, False
            yield self

    def asking(self, stage: Stage) -> tuple[Ask[Any], Ledger]:
        """A function that takes rows and gives their outcomes, and the ledger that counts what that costs.

        `stage` is told of each row that is done and of each fresh answer's tokens.
        """
        settings = loaded(self.recipe).llm
        ledger = Ledger()

        def on_event(event: Event) -> None:
            ledger.observe(event)
            if event.kind == "answer" and event.answer is not None and not event.answer.from_journal:
                stage.advance(0, tokens=event.answer.completion_tokens)
            elif event.kind in ("accepted", "quarantined") and "#" not in event.row_id:
                # A row_id with a number behind # is a further question about a row that was counted already.
                stage.advance(1, **{event.kind: 1})

        def ask(rows: Iterable[Draftable[Any]]) -> Iterator[Accepted[Any] | Quarantined]:
            todo = list(rows)
            journal, endpoint = self._parts()
            if not self._started:
                if all_answered(todo, journal, endpoint.model, endpoint.revision, settings.max_drafts):
                    endpoint = JournalOnly(endpoint.model, endpoint.revision)
                else:
                    self._lifetime.enter_context(endpoint)
                    self._started = True
            from unicorn_assets.llm.engine import generate  # brings aiohttp, which a code server does without

            yield from generate(todo, endpoint, journal, settings, on_event)

        return ask, ledger

    def _parts(self) -> tuple[Journal, Endpoint]:
        if self._journal is None or self._endpoint is None:
            self._endpoint = open_endpoint(loaded(self.recipe).llm, Path(self.logs))
            lake = Lake(self.lake_url)
            self._journal = self._lifetime.enter_context(
                Journal.open(lake.url, storage_options=lake.storage_options or None)
            )
        return self._journal, self._endpoint
