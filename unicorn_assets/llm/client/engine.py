"""generate(): rows in, accepted or quarantined rows out, as they finish.

A synchronous generator over an asyncio engine (core.py) that runs in a thread of its own, so that it works inside any
caller, and servers stay busy while the caller works on results. Outcomes wait in a bounded queue. Whatever ends the
run (the last row, an error, Ctrl-C, a caller that stops listening), the journal is flushed first.
"""

import asyncio
import gc
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from unicorn_assets.llm.client.core import Core, Rows
from unicorn_assets.llm.client.fleet import Fleet
from unicorn_assets.llm.client.transport import Transport
from unicorn_assets.llm.endpoints.base import Endpoint
from unicorn_assets.llm.errors import EngineStalled, place_of_thread
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.row import Accepted, Draftable, Quarantined
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets.llm.shaping import Shaper
from unicorn_assets.llm.spend.budget import Account

log = logging.getLogger(__name__)

T = TypeVar("T")

WAITING_OUTCOMES = 2048
"""Outcomes and events that may wait for the caller before the engine starts no further rows."""

LOOK_EVERY_S = 1.0
STUCK_AFTER_S = 60.0
"""The engine's thread takes a turn every second; after so long without one, or twice `patience_s`, it is stuck."""

STOP_WITHIN_S = 30.0
"""Time for a cancelled run to end before its thread is left to itself."""

GARBAGE_AFTER = 20_000
"""New objects after which Python looks for garbage while the engine runs."""


def generate(
    rows: Iterable[Draftable[T]],
    endpoint: Endpoint,
    journal: Journal,
    settings: LlmSettings,
    on_event: Callable[[Event], None] | None = None,
    account: Account | None = None,
) -> Iterator[Accepted[T] | Quarantined]:
    """Ask for every row until it is accepted or its budget is used up; yields each row once, in order of completion.

    Rows are drawn lazily and judged in the engine's thread; `on_event` is called in the caller's. Answers found in
    the journal are not asked again. What is asked goes on `account`, whose budget no request may cross. Raises
    BudgetReached when it is used up and ServerBroken when the servers cannot do the work (after yielding everything
    finished), JournalBroken, EngineStalled when nothing moves any more, and EngineFailed for a mistake of the engine or
    of a row's `request`. Whatever happens, it ends.
    """
    run = Run(iter(rows), endpoint, journal, settings, account)
    run.start()
    try:
        for item in run.items():
            if on_event is not None:
                for event in events_of(item):
                    on_event(event)
            if not isinstance(item, Event):
                yield item
    finally:
        try:
            run.stop()
        finally:
            journal.flush()


def events_of(item: Accepted[T] | Quarantined | Event) -> Iterator[Event]:
    """What an item from the engine's queue means to an observer; made here, where the caller's time is spent."""
    if isinstance(item, Accepted):
        yield Event("answer", item.row_id, answer=item.answer)
        yield Event("accepted", item.row_id, answer=item.answer)
    elif isinstance(item, Quarantined):
        yield Event("quarantined", item.row_id, item.reason, item.detail)
    else:
        if item.kind == "rejected":
            yield Event("answer", item.row_id, answer=item.answer)
        yield item


class Run(Generic[T]):
    """The engine's thread and the queue between it and the caller."""

    def __init__(
        self,
        rows: Rows[T],
        endpoint: Endpoint,
        journal: Journal,
        settings: LlmSettings,
        account: Account | None,
    ) -> None:
        self._account = account
        self._rows, self._endpoint, self._journal, self._settings = rows, endpoint, journal, settings
        self._queue: deque[Accepted[T] | Quarantined | Event] = deque()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._core: Core[T] | None = None
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._finished = False
        self._behind = False
        self._waking = False
        self._stopping = False
        self._thread = threading.Thread(target=self._main, name="llm-engine", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def items(self) -> Iterator[Accepted[T] | Quarantined | Event]:
        """Everything the engine emits, until it ends; then its error, if any."""
        while True:
            while not self._ready.wait(LOOK_EVERY_S):
                self._raise_if_stuck()
            self._ready.clear()
            finished = self._finished  # read before draining: what was emitted earlier is in the queue by then
            while self._queue:
                yield self._queue.popleft()
            if self._behind and self._core is not None and not finished:
                self._behind = False
                self._call(self._core.resume)
            if finished:
                if self._error is not None:
                    raise self._error
                return

    def _raise_if_stuck(self) -> None:
        """The engine watches itself (core.py); this watches for what stops even that, such as a gate without end."""
        core, allowed = self._core, max(STUCK_AFTER_S, 2 * self._settings.patience_s)
        if core is None or self._finished or time.monotonic() - core.beat <= allowed:
            return
        place = place_of_thread(self._thread.ident)
        raise EngineStalled(f"the engine's thread is stuck at {place}, with {core.describe()}")

    def wake(self) -> None:
        """The rows have something new."""
        self._call(lambda: self._core.look() if self._core is not None else None)

    def stop(self) -> None:
        """Cancel what is under way and wait for the thread, unless it is stuck."""
        self._stopping = True
        self._call(lambda: self._task and self._task.cancel())
        self._thread.join(STOP_WITHIN_S)
        if self._thread.is_alive():
            log.warning("the engine's thread does not end: it is at %s", place_of_thread(self._thread.ident))

    def _call(self, function: Callable[[], object]) -> None:
        if self._loop is not None and not self._finished:
            try:
                self._loop.call_soon_threadsafe(function)
            except RuntimeError:  # the loop closed in this moment
                return

    def _emit(self, item: Accepted[T] | Quarantined | Event) -> bool:
        self._queue.append(item)
        if not self._waking and self._loop is not None:
            # Once per turn of the loop: the caller's thread would only fight for the interpreter with what still comes.
            self._waking = True
            self._loop.call_soon(self._wake)
        if len(self._queue) < WAITING_OUTCOMES:
            return True
        self._behind = True
        return False

    def _wake(self) -> None:
        self._waking = False
        self._ready.set()

    def _main(self) -> None:
        # What exists by now (modules, the caller's tables) need not be searched for garbage again and again, and what a
        # window of requests keeps alive not after each 700 new objects: that took a fifth of the engine's time.
        thresholds = gc.get_threshold()
        ours = 0 < thresholds[0] < GARBAGE_AFTER  # another engine of this process may have set it
        gc.freeze()
        if ours:
            gc.set_threshold(GARBAGE_AFTER, *thresholds[1:])
        try:
            asyncio.run(self._asyncio_main())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # handed to the caller by items()
            self._error = error
        finally:
            if ours:
                gc.set_threshold(*thresholds)
            gc.unfreeze()
            self._finished = True
            self._ready.set()

    async def _asyncio_main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        if self._stopping:  # the caller went away before there was a loop to tell
            return
        endpoint, settings = self._endpoint, self._settings
        async with Transport(
            endpoint.model, endpoint.headers, settings.timeout_s, settings.max_answer_bytes, Shaper(settings.wire)
        ) as transport:
            fleet = Fleet(endpoint, settings.concurrency)
            self._core = Core(self._rows, fleet, transport, self._journal, settings, self._emit, self._account)
            try:
                await self._core.run()
            finally:
                await fleet.close()
