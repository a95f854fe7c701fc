"""The engine's inside: one asyncio loop that keeps the servers' windows full.

Everything here runs in the engine's thread (engine.py starts it). `_pump` is the heart: called after every change, it
fills free slots with retries that are due and then with new rows, so the window refills continuously. An answer is
journaled first. Local disk: all answers of a turn of the loop are written together, which frees their slots, and a
thread syncs them in groups; an answer is judged when it is durable. Object store: judged when queued for its group.
"""

import asyncio
import contextlib
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Generic, TypeVar, cast

from unicorn_assets.llm.breaker import Breaker
from unicorn_assets.llm.budget import Account
from unicorn_assets.llm.drafting import Refusal, judge
from unicorn_assets.llm.errors import ServerBroken
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.fleet import Fleet
from unicorn_assets.llm.job import Job
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.lane import Lane
from unicorn_assets.llm.pace import pause_before
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import Accepted, Draftable, Quarantined, Resume
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets.llm.structured import repairs
from unicorn_assets.llm.transport import Failure, Transport

T = TypeVar("T")

GROUP = 64
"""Answers that are written and wait for the disk before it is told to sync."""

GROUP_S = 0.05
"""Longest time an answer waits for others to be synced with it."""

REPLAYS_PER_TURN = 256
"""Answers taken from the journal before the loop serves its sockets again."""

JUDGED_PER_TURN = 8
"""Durable answers judged before the loop serves its sockets again."""


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
        account: Account | None = None,
    ) -> None:
        self._rows = rows
        self._fleet = fleet
        fleet.failed = self.fail
        self._transport = transport
        self._journal = journal
        self._settings = settings
        self._emit = emit
        self._account = account
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
        self._unwritten = 0
        self._syncing = False
        self._sync_timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Until every row has an outcome; raises what stops the run."""
        watch = asyncio.create_task(self._watch())
        if self._account is not None:
            self._account.begin(self._fleet.ceiling(), partial(self._pump_soon, asyncio.get_running_loop()))
        try:
            self._pump()
            await self._done
        finally:
            for task in (watch, *self._tasks):
                task.cancel()
            await asyncio.gather(watch, *self._tasks, return_exceptions=True)
            if self._account is not None:
                self._account.end()

    def _pump_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called from another thread."""
        with contextlib.suppress(RuntimeError):  # the loop closed in this moment
            loop.call_soon_threadsafe(self._pump)

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
            if self._hold and self._disk_is_behind():
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
            if self._account is not None:
                job.held = self._account.reserve(job.request)
                if job.held is None:
                    self._ready.appendleft(job)
                    self._stop_if_spent(self._account)
                    return
            self._asked.setdefault(job.key, [job])
            lane.sent(now)
            self._tasks.add(asyncio.create_task(self._ask(job, lane)))
        if self._later and not self._ready:
            self._wake_at(self._later[0][0])
        if (
            self._exhausted
            and not (self._asked or self._ready or self._later or self._settling)
            and not self._done.done()
        ):
            self._done.set_result(None)

    def _stop_if_spent(self, account: Account) -> None:
        """End at the budget, once everything that was asked for is there and judged."""
        if account.denied and not (self._fleet.in_flight() or self._settling):
            self.fail(account.reached())

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
        self._timer = asyncio.get_running_loop().call_at(when, self._pump)  # the loop's clock is time.monotonic

    # One attempt

    async def _ask(self, job: Job[T], lane: Lane) -> None:
        started = time.monotonic()
        job.attempts += 1
        try:
            outcome = await self._transport.ask(lane.chat_url, job.request, job.key, job.attempts)
        finally:
            lane.in_flight -= 1
            self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        now = time.monotonic()
        try:
            if self._account is not None and job.held is not None:
                self._account.settle(job.held, outcome, job.request)
            if isinstance(outcome, Answer):
                lane.answered(now, now - started)
                self._breaker.on_good(now)
                number = self._journal.put(outcome)
                self._settling.append((number, job, outcome))
                if self._hold:
                    self._write_soon()
                    return
                self._settle(number)
            else:
                self._on_failure(job, lane, outcome, now - started, now)
        except Exception as error:
            self.fail(error)
        self._pump()

    def _on_failure(self, job: Job[T], lane: Lane, failure: Failure, seconds: float, now: float) -> None:
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
            self._emit(Event("failed", job.row.row_id, failure.reason, failure.detail))
            self._quarantine_all(job, failure)
            return
        if refused_by_rate:
            job.attempts -= 1  # "later" is no attempt; patience bounds it
        pause = pause_before(job.attempts, failure.retry_after, self._settings.patience_s)
        heapq.heappush(self._later, (now + pause, next(self._tie), job))
        self._emit(Event("retry", job.row.row_id, failure.reason, failure.detail, in_flight=self._fleet.in_flight()))

    def _stop_if_broken(self) -> None:
        now = time.monotonic()
        if self._fleet.waits_for_restart():
            self._breaker.wait(now)
            return
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

    def _disk_is_behind(self) -> bool:
        """Whether to wait: a kill must cost no more than what is in flight, a power cut a group and a window more."""
        ceiling = self._fleet.ceiling()
        return self._unwritten + self._fleet.in_flight() >= ceiling or len(self._settling) >= GROUP + ceiling

    def _write_soon(self) -> None:
        """Write once per turn of the loop, or per group: its answers make one block."""
        self._unwritten += 1
        if self._unwritten == 1:
            asyncio.get_running_loop().call_soon(self._write)
        elif self._unwritten >= GROUP:
            self._write()

    def _write(self) -> None:
        if not self._unwritten:
            return
        self._unwritten = 0
        self._journal.write()
        self._pump()
        self._sync_soon()

    def _sync_soon(self) -> None:
        """Sync when a group is full, when an answer has waited long enough, or when there is nothing to wait for."""
        unsynced = self._settling[-1][0] - self._journal.durable if self._settling else 0
        if self._syncing or unsynced <= 0:
            return
        if unsynced >= GROUP or not self._fleet.in_flight():
            self._sync()
        elif self._sync_timer is None:
            self._sync_timer = asyncio.get_running_loop().call_later(GROUP_S, self._sync)

    def _sync(self) -> None:
        if self._sync_timer is not None:
            self._sync_timer.cancel()
            self._sync_timer = None
        if self._syncing or self._done.done():
            return
        self._syncing = True
        synced = asyncio.get_running_loop().run_in_executor(None, self._journal.sync)
        synced.add_done_callback(self._synced)

    def _synced(self, synced: "asyncio.Future[None]") -> None:
        self._syncing = False
        if not synced.cancelled():
            self._settle(self._journal.durable)
            self._sync_soon()

    def _settle(self, durable: int) -> None:
        """Judge the answers that are durable now, a few per turn of the loop: a group at once would clump requests."""
        try:
            self._journal.check()
            for _ in range(JUDGED_PER_TURN):
                if not self._settling or self._settling[0][0] > durable:
                    break
                _, job, answer = self._settling.popleft()
                first, *others = self._asked.pop(job.key)
                self._judge(first, answer)
                for waiting in others:  # they asked the same: it was paid for once
                    self._judge(waiting, replace(answer, from_journal=True))
            else:
                asyncio.get_running_loop().call_soon(self._settle, durable)
        except Exception as error:
            self.fail(error)
        self._pump()

    def _judge(self, job: Job[T], answer: Answer) -> None:
        row = job.row
        job.tokens += answer.completion_tokens
        job.seconds += answer.seconds
        mended = repairs()
        verdict = judge(row, answer, job.draft, job.tokens, self._settings)
        self._count_repair(job, mended)
        if isinstance(verdict, Refusal):
            self._reject(job, answer, verdict)
        else:
            self._out(Accepted(row.row_id, verdict, answer, job.draft + 1, job.tokens))

    def _reject(self, job: Job[T], answer: Answer, refusal: Refusal) -> None:
        reason, problem, judged = refusal.reason, refusal.problem, job.draft + 1
        self._out(Event("rejected", job.row.row_id, reason, problem, answer))
        if refusal.again:
            following = self._draft(job.row, judged, problem)
            following.tokens, following.seconds = job.tokens, job.seconds
            self._ready.append(following)
            return
        self._quarantine(job, reason, problem, answer.text, judged, answer.attempts, Resume(judged, problem))

    def _count_repair(self, job: Job[T], before: int) -> None:
        if repairs() != before:
            self._out(Event("repaired", job.row.row_id))

    def _quarantine_all(self, job: Job[T], failure: Failure) -> None:
        reason, detail, raw = failure.reason, failure.detail, failure.excerpt
        for waiting in self._asked.pop(job.key):
            self._quarantine(waiting, reason, detail, raw, waiting.draft, job.attempts, None)

    def _quarantine(
        self, job: Job[T], reason: str, detail: str, raw: str, drafts: int, attempts: int, resume: Resume | None
    ) -> None:
        row_id, model, key = job.row.row_id, self._fleet.model, job.key
        self._out(
            Quarantined(row_id, reason, detail, raw, drafts, attempts, model, key, job.seconds, job.tokens, resume)
        )

    def _out(self, item: Accepted[T] | Quarantined | Event) -> None:
        if not self._emit(item):
            self._keeps_up = False

    def fail(self, error: BaseException) -> None:
        """End the run with an error; what is finished has been emitted."""
        if not self._done.done():
            self._done.set_exception(error)
