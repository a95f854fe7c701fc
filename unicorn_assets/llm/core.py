"""The engine's inside: one asyncio loop that keeps the servers' windows full.

Everything here runs in the engine's thread (engine.py starts it). `_pump` is the heart: called after every change, it
fills free slots with retries that are due and then with new rows, so the window refills continuously. An answer is
journaled first; it is judged when it is durable (local disk) or queued for its group (object store).
"""

import asyncio
import heapq
import itertools
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from unicorn_assets.llm.breaker import Breaker
from unicorn_assets.llm.errors import ServerBroken
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.fleet import Fleet
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.request import Answer, ChatRequest
from unicorn_assets.llm.row import Accepted, Draftable, Quarantined, Rejected, problem_of
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets.llm.transport import Failure, Transport

T = TypeVar("T")

QUICK_COMMIT_S = 0.02
"""A commit that takes longer is moved to a thread."""

REPLAYS_PER_TURN = 256
"""Answers taken from the journal before the loop serves its sockets again."""


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """A row on its way: which draft, how many attempts for it, and what it has used so far."""

    row: Draftable[T]
    request: ChatRequest
    key: str
    draft: int = 0
    attempts: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Core(Generic[T]):
    """One run over `rows`. `emit` takes outcomes and events and returns whether the consumer keeps up."""

    def __init__(
        self,
        rows: Iterator[Draftable[T]],
        fleet: Fleet,
        transport: Transport,
        journal: Journal,
        settings: LlmSettings,
        emit: Callable[[Accepted[T] | Quarantined | Event], bool],
    ) -> None:
        self._rows = rows
        self._fleet = fleet
        fleet.failed = self.fail
        self._transport = transport
        self._journal = journal
        self._settings = settings
        self._emit = emit
        self._hold = journal.commits_at_once
        self._ready: deque[Job[T]] = deque()
        self._later: list[tuple[float, int, Job[T]]] = []
        self._tie = itertools.count()
        self._asked: dict[str, list[Job[T]]] = {}  # rows that wait for the same answer: it is asked for once
        self._settling: deque[tuple[int, Job[T], Answer]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._exhausted = False
        self._timer: asyncio.TimerHandle | None = None
        self._breaker = Breaker(settings.patience_s, time.monotonic())
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keeps_up = True
        self._pumping = False
        self._committing = False
        self._commit_s = 0.0

    async def run(self) -> None:
        """Until every row has an outcome; raises what stops the run."""
        watch = asyncio.create_task(self._watch())
        try:
            self._pump()
            await self._done
        finally:
            for task in (watch, *self._tasks):
                task.cancel()
            await asyncio.gather(watch, *self._tasks, return_exceptions=True)

    def resume(self) -> None:
        """The consumer has caught up."""
        self._keeps_up = True
        self._pump()

    async def _watch(self) -> None:
        """Look once a second at what no event reports: patience, servers to probe."""
        while True:
            await asyncio.sleep(min(1.0, self._settings.patience_s / 4))
            self._fleet.probe_absent(self._on_fleet)
            self._stop_if_broken()
            self._pump()

    def _on_fleet(self, kind: str, detail: str) -> None:
        self._emit(Event("left" if kind == "left" else "returned", detail=detail))
        self._pump()

    # Filling the window

    def _pump(self) -> None:
        if self._pumping or self._done.done():
            return
        self._pumping = True
        try:
            self._fill()
        except Exception as error:
            self.fail(error)
        finally:
            self._pumping = False

    def _fill(self) -> None:
        replays = 0
        now = time.monotonic()
        while self._keeps_up and not self._done.done():
            if self._hold and len(self._settling) + self._fleet.in_flight() >= self._fleet.ceiling():
                return
            job = self._next(now)
            if job is None:
                break
            waiting = self._asked.get(job.key)
            if waiting is not None and job not in waiting:
                waiting.append(job)
                continue
            if waiting is None:
                answer = self._journal.get(job.key)
                if answer is not None:
                    self._judge(job, answer)
                    replays += 1
                    if replays >= REPLAYS_PER_TURN:
                        asyncio.get_running_loop().call_soon(self._pump)
                        return
                    continue
            lane = self._fleet.choose(now)
            if lane is None:
                self._ready.appendleft(job)
                self._wake_at(self._fleet.next_room(now))
                return
            self._asked.setdefault(job.key, [job])
            lane.in_flight += 1
            task = asyncio.create_task(self._ask(job, lane.base_url))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self._later and not self._ready:
            self._wake_at(self._later[0][0])
        if (
            self._exhausted
            and not (self._asked or self._ready or self._later or self._settling)
            and not self._done.done()
        ):
            self._done.set_result(None)

    def _next(self, now: float) -> Job[T] | None:
        """A retry that is due, else the next draft, else a new row."""
        if self._later and self._later[0][0] <= now:
            return heapq.heappop(self._later)[2]
        if self._ready:
            return self._ready.popleft()
        if self._exhausted:
            return None
        row = next(self._rows, None)
        if row is None:
            self._exhausted = True
            return None
        return self._draft(row, 0, None)

    def _draft(self, row: Draftable[T], draft: int, problem: str | None) -> Job[T]:
        request = row.request(draft, problem)
        return Job(row, request, request.key(self._fleet.model, self._fleet.revision), draft)

    def _wake_at(self, when: float | None) -> None:
        if when is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(loop.time() + max(0.0, when - time.monotonic()) + 0.001, self._pump)

    # One attempt

    async def _ask(self, job: Job[T], base_url: str) -> None:
        lane = self._fleet.lane(base_url)
        started = time.monotonic()
        job.attempts += 1
        try:
            outcome = await self._transport.ask(lane.chat_url, job.request, job.key, job.attempts)
        finally:
            lane.in_flight -= 1
        now = time.monotonic()
        try:
            if isinstance(outcome, Answer):
                lane.answered(now)
                self._breaker.on_good(now)
                number = self._journal.put(outcome)
                self._settling.append((number, job, outcome))
                if self._hold:
                    self._commit_soon()
                else:
                    self._settle(number)
            else:
                self._on_failure(job, lane.base_url, outcome, now - started, now)
        except Exception as error:
            self.fail(error)
        self._pump()

    def _on_failure(self, job: Job[T], base_url: str, failure: Failure, seconds: float, now: float) -> None:
        lane = self._fleet.lane(base_url)
        lane.count(failure.reason)
        self._breaker.on_failure(failure.reason, failure.detail, now, failure.refusal)
        if failure.fatal and not self._breaker.worked:
            raise ServerBroken(f"The server at {lane.base_url} {failure.detail}", failure.hint)
        if failure.server_fault and self._fleet.on_fault(lane, failure, now, seconds, self._on_fleet):
            self._emit(
                Event("slowed", job.row.row_id, failure.reason, f"window of {lane.base_url}: {int(lane.pace.limit)}")
            )
        self._stop_if_broken()
        refused_by_rate = failure.reason == "http_429"
        if failure.refusal or (job.attempts >= self._settings.max_attempts and not refused_by_rate):
            self._quarantine_all(job, failure)
            return
        if refused_by_rate:
            job.attempts -= 1  # "later" is no attempt; patience bounds it
        backoff = 0.1 * 2.0**job.attempts
        pause = failure.retry_after if failure.retry_after is not None else 0.0 if job.attempts == 1 else backoff
        pause = min(pause, self._settings.patience_s) + random.uniform(0, 0.1 * backoff)
        heapq.heappush(self._later, (now + pause, next(self._tie), job))
        self._emit(Event("retry", job.row.row_id, failure.reason, failure.detail, in_flight=self._fleet.in_flight()))

    def _stop_if_broken(self) -> None:
        now = time.monotonic()
        if self._fleet.in_flight() and not self._breaker.many():
            return  # long answers may still be on their way
        if self._breaker.broken(now) and (self._asked or self._later or self._ready):
            self.fail(
                ServerBroken(
                    f"Stopped: {self._fleet.describe()}: {self._breaker.verdict(now)}",
                    "mend or restart the server, then run again: finished answers are kept and not asked again.",
                )
            )

    # Judging

    def _commit_soon(self) -> None:
        """Commit once per turn of the loop: all answers of a turn make one group.

        A quick disk is waited for here, which costs less than handing over to a thread; a slow one gets a thread, and
        what arrives meanwhile makes the next group.
        """
        if self._committing:
            return
        self._committing = True
        loop = asyncio.get_running_loop()
        if self._commit_s < QUICK_COMMIT_S:
            loop.call_soon(lambda: self._committed(self._timed_flush()))
        else:
            flushed = loop.run_in_executor(None, self._timed_flush)
            flushed.add_done_callback(lambda future: self._committed(future.result()))

    def _timed_flush(self) -> BaseException | None:
        started = time.monotonic()
        try:
            self._journal.flush()
        except Exception as error:
            return error
        self._commit_s = time.monotonic() - started
        return None

    def _committed(self, error: BaseException | None) -> None:
        self._committing = False
        if error is not None:
            self.fail(error)
            return
        self._settle(self._journal.durable)
        if self._settling:
            self._commit_soon()

    def _settle(self, durable: int) -> None:
        """Judge the answers that are durable now."""
        try:
            self._journal.check()
            while self._settling and self._settling[0][0] <= durable:
                _, job, answer = self._settling.popleft()
                for waiting in self._asked.pop(job.key):
                    self._judge(waiting, answer)
        except Exception as error:
            self.fail(error)
        self._pump()

    def _judge(self, job: Job[T], answer: Answer) -> None:
        row = job.row
        job.tokens += answer.completion_tokens
        job.seconds += answer.seconds
        try:
            value = row.accept(answer.text)
        except Rejected as verdict:
            self._reject(job, answer, verdict)
            return
        self._out(Accepted(row.row_id, value, answer, job.draft + 1))

    def _reject(self, job: Job[T], answer: Answer, verdict: Rejected) -> None:
        detail = problem_of(verdict, answer)
        self._out(Event("rejected", job.row.row_id, verdict.reason, detail, answer))
        limit = self._settings.max_row_tokens
        if job.draft + 1 < self._settings.max_drafts and (limit is None or job.tokens < limit):
            following = self._draft(job.row, job.draft + 1, detail)
            following.tokens, following.seconds = job.tokens, job.seconds
            self._ready.append(following)
            return
        self._quarantine(job, verdict.reason, detail, answer.text, job.draft + 1, answer.attempts)

    def _quarantine_all(self, job: Job[T], failure: Failure) -> None:
        for waiting in self._asked.pop(job.key):
            self._quarantine(waiting, failure.reason, failure.detail, failure.excerpt, waiting.draft, job.attempts)

    def _quarantine(self, job: Job[T], reason: str, detail: str, raw: str, drafts: int, attempts: int) -> None:
        row_id, model = job.row.row_id, self._fleet.model
        self._out(Quarantined(row_id, reason, detail, raw, drafts, attempts, model, job.key, job.seconds))

    def _out(self, item: Accepted[T] | Quarantined | Event) -> None:
        if not self._emit(item):
            self._keeps_up = False

    def fail(self, error: BaseException) -> None:
        """End the run with an error; what is finished has been emitted."""
        if not self._done.done():
            self._done.set_exception(error)
