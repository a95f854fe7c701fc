"""Asking with everything around it: journal, server, account and window are opened on first use and closed together.

Any thread may ask, and what several ask at the same time shares one window (llm/client/window.py). A list of rows whose
answers are all in the journal starts no server. Here: lifetimes and whose ledger counts. Not here: how rows are asked
(engine.py), or Dagster (resources/llm.py).
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from unicorn_assets.generation.replay import JournalOnly, all_answered
from unicorn_assets.generation.rounds import Ask, ExtraDraft, taken_up
from unicorn_assets.llm.endpoints import Endpoint, open_endpoint
from unicorn_assets.llm.errors import EngineStalled, ServerBroken
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.row import NOT_ASKED, Accepted, Draftable, Quarantined
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets.llm.shaping import Shaper
from unicorn_assets.llm.spend.budget import Account
from unicorn_assets.llm.spend.ledger import Ledger, ShardRun
from unicorn_assets.llm.spend.records import Storage
from unicorn_assets.stream import Stream

if TYPE_CHECKING:
    from unicorn_assets.llm.client.window import Window

TELLING = 3
"""Rows without any answer after which it is the server, and no longer a row that it does not like."""


class Asker:
    """Asks the model of `settings`; answers are kept in the journal below `lake_url`, figures among the records in
    `storage`. `events` hears of rows, servers and the journal. Use it as a context manager.
    """

    def __init__(
        self,
        settings: LlmSettings,
        lake_url: str,
        storage: Storage,
        log_dir: Path | None = None,
        folder: Path | None = None,
        storage_options: Mapping[str, Any] | None = None,
        events: Stream | None = None,
    ) -> None:
        self._events = events or Stream()
        self._settings, self._lake_url, self._storage = settings, lake_url, storage
        self._log_dir, self._folder, self._storage_options = log_dir, folder, storage_options
        self._lifetime = ExitStack()
        self._journal: Journal | None = None
        self._endpoint: Endpoint | None = None
        self._account: Account | None = None
        self._started = False
        self._opening = threading.RLock()
        self._window: Window | None = None
        self._stopped = False
        self._low: Callable[[], object] = lambda: None
        self._seen: set[tuple[str, str]] = set()  # shards that have asked, each with its asset
        self._answering: set[str] = set()  # stages that got an answer
        self._unanswered: dict[str, list[Quarantined]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._lifetime.__exit__(*error)

    @property
    def journal(self) -> Journal:
        """The journal, open."""
        with self._opening:
            if self._journal is None:
                self._journal = self._lifetime.enter_context(
                    Journal.open(self._lake_url, storage_options=self._storage_options or None, events=self._events)
                )
            return self._journal

    @property
    def endpoint(self) -> Endpoint:
        """Who serves the model, started or not."""
        with self._opening:
            if self._endpoint is None:
                self._endpoint = open_endpoint(self._settings, self._log_dir, self._folder, self._events)
            return self._endpoint

    @property
    def account(self) -> Account:
        """This process's account among the lake's records."""
        with self._opening:
            if self._account is None:
                settings = self._settings
                self._account = self._lifetime.enter_context(
                    Account(self._storage, settings.budget, settings.price, Shaper(settings.wire))
                )
            return self._account

    @property
    def in_flight(self) -> int:
        """Requests in flight."""
        return self._account.in_flight if self._account is not None else 0

    @property
    def spent_usd(self) -> float | None:
        """What this process has spent; None without a price or before the first request."""
        return self._account.spent_usd if self._account is not None else None

    @property
    def base_urls(self) -> tuple[str, ...]:
        """Addresses of the servers that are asked; none before the first request."""
        return self._endpoint.base_urls if self._started and self._endpoint is not None else ()

    @contextmanager
    def telling(self, low: Callable[[], object]) -> Iterator[None]:
        """Meanwhile `low` is called, from any thread, whenever `wants_rows` may have changed."""
        self._low, self._seen, self._stopped = low, set(), False
        try:
            yield
        finally:
            self._low = lambda: None

    def wants_rows(self, active: Collection[tuple[str, str]]) -> bool:
        """Whether the window is about to run dry although all `active` shards have asked."""
        window = self._window
        return window is not None and not window.is_over and window.is_low and self._seen.issuperset(active)

    def stop(self) -> None:
        """Cut off what is under way: whoever waits for it gets an error."""
        with self._opening:
            self._stopped = True
            if self._window is not None:
                self._window.close()

    def asking(self, listen: Callable[[Event], None], run: ShardRun | None = None, rank: int = 0) -> tuple[Ask, Ledger]:
        """A function that takes rows and gives their outcomes, and the ledger that counts what that costs.

        The ledger joins `run`, if the rows are asked for one. `listen` hears what becomes of the rows. Of those who ask
        at the same time the one with the lowest `rank` goes first.
        """
        ledger = Ledger()
        if run is not None:
            run.ledgers.append(ledger)
            run.price, run.model = self._settings.price, self._settings.model
        events = Stream(self._events)
        events.subscribe(Event, ledger.observe)
        events.subscribe(Event, listen)

        def ask(rows: Iterable[Draftable[Any]]) -> Iterator[Accepted[Any] | Quarantined]:
            with self.account.charged_to(run.row if run is not None else lambda: None):
                todo = list(rows)
                for row in todo:
                    if isinstance(row, ExtraDraft):
                        events.emit(taken_up(row))
                stage, shard = (run.asset, run.shard) if run is not None else ("", "")
                for outcome in self._ask(todo, events, rank, (stage, shard)):
                    self._note(stage, outcome)
                    yield outcome
                failed = self._unanswered.get(stage)
                if failed and (len(failed) >= TELLING or not len(self.journal)):
                    raise nobody_answered(stage, failed)

        return ask, ledger

    def _ask(
        self, todo: Sequence[Draftable[Any]], events: Stream, rank: int, unit: tuple[str, str]
    ) -> Iterable[Accepted[Any] | Quarantined]:
        with self._opening:
            if not self._started:
                self._start_unless_answered(todo)
            window = self._open_window() if self._started else None
        if window is not None:
            return window.ask(todo, events.emit, rank, lambda: self._asked(unit))
        from unicorn_assets.llm.client.engine import generate

        self._asked(unit)
        only = JournalOnly(self.endpoint.model, self.endpoint.revision)
        return generate(todo, only, self.journal, self._settings, events.emit, self.account)

    def _start_unless_answered(self, todo: Sequence[Draftable[Any]]) -> None:
        endpoint = self.endpoint
        if not all(self._is_answered(row) or self.beyond(row) for row in todo):
            self._lifetime.enter_context(endpoint)
            self._started = True

    def _is_answered(self, row: Draftable[Any]) -> bool:
        return all_answered([row], self.journal, self.endpoint.model, self.endpoint.revision, self._settings)

    def beyond(self, row: Draftable[Any]) -> bool:
        """Whether the row has a budget of its own that leaves no room, as far as the books say."""
        own = getattr(row, "own_budget", None)
        return own is not None and not self.account.own(own).has_room(row.request(0, None))

    def _open_window(self) -> "Window":
        from unicorn_assets.llm.client.window import Window  # brings aiohttp, which a code server does without

        if self._stopped:
            raise EngineStalled("this run has been stopped")
        if self._window is None or self._window.is_over:
            window = Window(self.endpoint, self.journal, self._settings, self.account, lambda: self._low())
            self._window = self._lifetime.enter_context(closing(window))
        return self._window

    def _asked(self, unit: tuple[str, str]) -> None:
        self._seen.add(unit)
        self._low()

    def _note(self, stage: str, outcome: Accepted[Any] | Quarantined) -> None:
        """Keep the rows of a stage that got no answer, until one gets one."""
        if stage in self._answering or (isinstance(outcome, Quarantined) and outcome.reason == NOT_ASKED):
            return
        if isinstance(outcome, Quarantined) and outcome.resume is None and not outcome.drafts:
            self._unanswered.setdefault(stage, []).append(outcome)
        else:
            self._answering.add(stage)
            self._unanswered.pop(stage, None)


def nobody_answered(stage: str, failed: Sequence[Quarantined]) -> ServerBroken:
    """The error that ends a run when the server gave no row of a stage an answer: it is not the rows' fault."""
    what = f"{stage}: none" if stage else "None"
    return ServerBroken(
        f"{what} of {len(failed):,} rows got an answer; the last: {failed[-1].detail}",
        "mend the server, or write requests as it takes them (docs/servers.md), then run again: "
        "these rows are asked again.",
    )
