"""One engine for several askers at the same time, so that the rows of one fill the window while another's last come.

An asker's thread hands in its rows and sleeps until each has its outcome. Which rows are under way together changes no
outcome: those follow from a row's own answers. Here: handing in, handing out, and how an engine's end reaches everybody
who waits. Not here: the engine (engine.py), who asks at the same time (generation/side_by_side.py).
"""

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from unicorn_assets.llm.client.engine import Run, events_of
from unicorn_assets.llm.client.feed import Feed
from unicorn_assets.llm.endpoints.base import Endpoint
from unicorn_assets.llm.errors import BudgetReached, EngineFailed, EngineStalled, TogetherFailed
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Accepted, Draftable, Quarantined, unheard
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets.llm.spend.budget import Account

log = logging.getLogger(__name__)

TAKEN_EVERY_S = 0.1
"""Outcomes wait for their asker so long, or until the last is there."""

Listen = Callable[[Event], None]
Outcome = Accepted[Any] | Quarantined


class Ticketed:
    """A row under a name that says who asked; it asks and judges as the row does."""

    __slots__ = ("_row", "row_id")

    def __init__(self, row: Draftable[Any], number: int) -> None:
        self._row, self.row_id = row, f"{number}:{row.row_id}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)  # max_drafts, where the row has it

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        """The row's."""
        return self._row.request(draft, problem)

    def accept(self, text: str, on_repair: Callable[[], None] = unheard) -> Any:
        """The row's."""
        return self._row.accept(text, on_repair)


@dataclass
class _Ask:
    """Rows of one asker that are under way."""

    rows: int
    listen: Listen
    outcomes: list[Outcome] = field(default_factory=list)
    error: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def left(self) -> int:
        return self.rows - len(self.outcomes)


class Window:
    """`ask` from any thread, `close` at the end. `low` is called, from the engine's thread, each time when fewer rows
    wait than may be in flight. After an error a window is over; another one goes on from the journal.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        journal: Journal,
        settings: LlmSettings,
        account: Account | None = None,
        low: Callable[[], object] = lambda: None,
    ) -> None:
        self._journal = journal
        self._feed = Feed[Any](settings.concurrency * len(endpoint.base_urls), low)
        self._run = Run(self._feed, endpoint, journal, settings, account)
        self._lock = threading.Lock()
        self._asks: dict[int, _Ask] = {}
        self._numbers = itertools.count()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._deliver, name="llm-window", daemon=True)
        self._run.start()
        self._thread.start()

    @property
    def is_low(self) -> bool:
        """Whether fewer rows wait than may be in flight."""
        return self._feed.is_low

    @property
    def is_over(self) -> bool:
        """Whether an error has ended it."""
        return self._error is not None

    def ask(
        self,
        rows: Sequence[Draftable[Any]],
        listen: Listen,
        rank: int = 0,
        handed_in: Callable[[], object] = lambda: None,
    ) -> Iterator[Outcome]:
        """The outcomes of rows, about as they come. Lower ranks go first.

        `listen` hears of them in a thread of the window; `handed_in` is called when they wait for their turn. When the
        last one is out, all answers are durable. Raises what `generate` raises. TogetherFailed: the engine, or a row of
        somebody, made a mistake while several asked, and whose it was is not known.
        """
        if not rows:
            handed_in()
            return
        mine = _Ask(len(rows), listen)
        with self._lock:
            if self._error is not None:
                raise self._error
            number = next(self._numbers)
            self._asks[number] = mine
        taken = 0
        try:
            self._feed.add([Ticketed(row, number) for row in rows], rank)
            self._run.wake()
            handed_in()
            is_over = False
            while not is_over:
                # Not woken for each: the asker's thread would only fight for the interpreter with what still comes.
                is_over = mine.over.wait(TAKEN_EVERY_S)
                fresh = mine.outcomes[taken:]
                taken += len(fresh)
                yield from fresh
        finally:
            with self._lock:
                self._asks.pop(number, None)
        if mine.error is not None:
            raise mine.error
        self._journal.flush()

    def close(self) -> None:
        """End it: whoever still waits gets an error. What came is in the journal, and durable."""
        self._feed.close()
        try:
            self._run.stop()
            self._thread.join()
        finally:
            self._journal.flush()

    def _deliver(self) -> None:
        error: BaseException = EngineStalled("the window was closed while rows were asked for")
        try:
            for item in self._run.items():
                self._hand_over(item)
        except BaseException as found:
            error = found
        with self._lock:
            self._error = error
            waiting = list(self._asks.values())
        left = sum(ask.left for ask in waiting)
        for ask in waiting:
            ask.error = _as_told(error, left, together=len(waiting) > 1)
            ask.over.set()

    def _hand_over(self, item: Outcome | Event) -> None:
        ticket, _, row_id = item.row_id.partition(":")
        with self._lock:
            # News of a server are everybody's, and told once.
            ask = self._asks.get(int(ticket)) if ticket else next(iter(self._asks.values()), None)
        if ask is None:
            return
        if isinstance(item, Event):
            item.row_id = row_id
        else:
            item = replace(item, row_id=row_id)
        try:
            for event in events_of(item):
                ask.listen(event)
        except Exception as error:  # a listener's mistake ends what it listens to, and nothing else
            ask.error = error
            ask.over.set()
        if not isinstance(item, Event):
            ask.outcomes.append(item)
            if not ask.left:
                ask.over.set()


def _as_told(error: BaseException, left: int, *, together: bool) -> BaseException:
    if isinstance(error, BudgetReached):
        return error.waiting(left)
    if together and isinstance(error, EngineFailed):
        return TogetherFailed.of(error)
    return error
