"""The engine's inside: one asyncio loop that keeps the servers' windows full.

Everything here runs in the engine's thread (engine.py starts it). `_turn` is the heart, and the only place that decides
what there is to do and who wakes it next: it writes what came to the journal, judges what is durable, fills free slots
with retries that are due and then with new rows, and has the disk synced. Whatever happens elsewhere (an answer, a
failure, a sync, a claim on the budget, a consumer that caught up) only asks for a turn, which finds what to do from the
state alone. So no news can be missed, and `_watch` asks for a turn every second all the same. An answer is journaled
first. Local disk: it is judged when it is durable (commit.py). Object store: when it is queued for its group.
"""

import asyncio
import contextlib
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Generic, TypeVar, cast

from unicorn_assets.errors import UserError
from unicorn_assets.llm.client.breaker import Breaker
from unicorn_assets.llm.client.charges import Charges, Room
from unicorn_assets.llm.client.commit import GROUP, Commits
from unicorn_assets.llm.client.feed import NotYet
from unicorn_assets.llm.client.fleet import Fleet
from unicorn_assets.llm.client.job import Job
from unicorn_assets.llm.client.limiter import pause_before
from unicorn_assets.llm.client.replica import Replica
from unicorn_assets.llm.client.transport import Transport
from unicorn_assets.llm.client.verdicts import Verdicts
from unicorn_assets.llm.errors import EngineFailed, EngineStalled, ServerBroken, in_words
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.failure import Failure
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import NOT_ASKED, Accepted, Draftable, Quarantined
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets.llm.spend.budget import Account

T = TypeVar("T")

Rows = Iterator[Draftable[T] | NotYet]
"""What there is to ask about; with NOT_YET whoever has more says so later (`Core.look`)."""

REPLAYS_PER_TURN = 256
"""Answers taken from the journal before the loop serves its sockets again."""

JUDGED_PER_TURN = 8
"""Durable answers judged before the loop serves its sockets again: a group at once would clump requests."""

BEYOND = Failure(NOT_ASKED, "its own budget is used up", server_fault=False)


class Core(Generic[T]):
    """One run over `rows`. `emit` takes outcomes and events and returns whether the consumer keeps up."""

    def __init__(
        self,
        rows: Rows[T],
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
        self._charges = Charges(account)
        self._verdicts = Verdicts[T](settings, fleet.model, self._out)
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Job[T]] = deque()
        self._later: list[tuple[float, int, Job[T]]] = []
        self._tie = itertools.count()
        self._asked: dict[str, list[Job[T]]] = {}  # rows that wait for the same answer: it is asked for once
        self._commits: Commits[tuple[Job[T], Answer]] = Commits()
        self._put = 0  # the journal's number of the last answer
        self._tasks: set[asyncio.Task[None]] = set()
        self._exhausted = self._starved = False
        self._timer: asyncio.TimerHandle | None = None
        self._turn_is_due = False
        self.beat = self._moved = time.monotonic()  # the last turn; the last time that anything came or went
        self._breaker = Breaker(settings.patience_s, self._moved)
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._keeps_up = True

    async def run(self) -> None:
        """Until every row has an outcome; raises what stops the run."""
        watch = asyncio.create_task(self._watch())
        self._charges.begin(self._fleet.ceiling(), self._soon_from_a_thread)
        try:
            self._soon()
            await self._done
        finally:
            if self._timer is not None:
                self._timer.cancel()
            for task in (watch, *self._tasks):
                task.cancel()
            await asyncio.gather(watch, *self._tasks, return_exceptions=True)
            self._charges.end()

    def _soon_from_a_thread(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop closed in this moment
            self._loop.call_soon_threadsafe(self._soon)

    def look(self) -> None:
        """There may be rows now where there were none yet."""
        self._soon()

    def resume(self) -> None:
        """The consumer has caught up."""
        self._keeps_up = True
        self._soon()

    async def _watch(self) -> None:
        """Look once a second at what no event reports: patience, servers to probe, a run that stands still."""
        while True:
            await asyncio.sleep(min(1.0, self._settings.patience_s / 4))
            self._fleet.probe_absent(self._on_fleet)
            self._stop_if_broken()
            self._stop_if_stalled()
            self._soon()

    def _on_fleet(self, kind: str, detail: str) -> None:
        self._emit(Event("left" if kind == "left" else "returned", detail=detail))
        self._soon()

    def _stop_if_stalled(self) -> None:
        """End a run in which nothing has come or gone for longer than anything that is waited for may take."""
        now = time.monotonic()
        if not self._keeps_up or self._fleet.waits_for_restart() or (self._starved and not self._is_busy()):
            self._moved = now
        due = max(self._later[0][0] if self._later else 0.0, self._fleet.next_room(now) or 0.0)  # a pause of a server
        patience = self._settings.patience_s + (self._settings.timeout_s if self._fleet.in_flight() else 0.0)
        if now - max(self._moved, due) > patience:
            self.fail(EngineStalled(f"nothing has moved for {now - self._moved:.0f} s with {self.describe()}"))

    def describe(self) -> str:
        """The state of the run in words, for the message that ends one that stands still."""
        unsynced, sync = self._commits.undurable(self._durable()), "a" if self._commits.syncing else "no"
        return (
            f"{self._fleet.in_flight()} requests in flight at {self._fleet.describe()}, {len(self._commits)} answers "
            f"to judge ({unsynced} of them not on disk, {sync} sync under way), {len(self._ready)} rows to ask, "
            f"{len(self._later)} to ask again, {'no' if self._exhausted else 'some'} further rows"
        )

    # A turn

    def _soon(self) -> None:
        """Ask for a turn."""
        if not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._turn)

    def _on_time(self) -> None:
        """The time of a turn has come. It is taken at once: each time round the loop costs a look at the sockets."""
        self._turn_is_due = True
        self._turn()

    def _turn(self) -> None:
        """Do what there is to do, and see to it that somebody asks for the next turn."""
        if not self._turn_is_due or self._done.done():
            return
        self._turn_is_due = False
        try:
            self._journal_and_judge()
            now = self.beat = time.monotonic()
            again = [at for at in (self._fill(now), self._sync(now)) if at is not None]
            if self._commits.ready(self._durable()):
                again.append(now)
            if again:
                self._turn_at(min(again), now)
            elif self._is_finished():
                self._done.set_result(None)
        except Exception as error:
            self.fail(error)

    def _turn_at(self, when: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if when <= now:
            self._soon()
        else:
            self._timer = self._loop.call_at(when, self._on_time)  # the loop's clock is time.monotonic

    def _is_finished(self) -> bool:
        return self._exhausted and not self._is_busy()

    def _is_busy(self) -> bool:
        return bool(self._asked or self._ready or self._later or self._commits)

    def _durable(self) -> int:
        """The journal's number of the last answer that may be judged."""
        return self._journal.durable if self._journal.commits_at_once else self._put

    def _journal_and_judge(self) -> None:
        """Write what came since the last turn as one block; judge what is durable, a few answers a turn."""
        if not self._commits:
            return
        if self._journal.commits_at_once:
            self._journal.write()
        self._journal.check()
        durable = self._durable()
        for _ in range(JUDGED_PER_TURN):
            taken = self._commits.take(durable)
            if taken is None:
                return
            job, answer = taken
            first, *others = self._asked.pop(job.key)
            self._judge(first, answer)
            for waiting in others:  # they asked the same: it was paid for once
                self._judge(waiting, replace(answer, from_journal=True))

    def _sync(self, now: float) -> float | None:
        """Have the disk synced if it is time for it; returns when it will be time."""
        when = self._commits.sync_at(self._durable(), now, idle=not self._fleet.in_flight())
        if when is None or when > now:
            return when
        self._commits.sync_started()
        self._loop.run_in_executor(None, self._journal.sync).add_done_callback(self._synced)
        return None

    def _synced(self, synced: "asyncio.Future[None]") -> None:
        self._commits.sync_ended()
        self._moved = time.monotonic()
        if not synced.cancelled() and (error := synced.exception()) is not None:
            self.fail(error)
        self._soon()

    # Filling the window

    def _fill(self, now: float) -> float | None:
        """Ask for as many rows as may be asked for; returns when more may be. None: something that is under way (an
        answer, a sync, a claim on the budget, the consumer) will ask for a turn.
        """
        if len(self._commits) >= GROUP + self._fleet.ceiling():
            return None  # the disk is behind: a power cut must cost no more than a group and a window
        replays = 0
        while self._keeps_up and not self._done.done():
            job = self._next(now)
            if job is None:
                return self._later[0][0] if self._later else None
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
                        return now
                    continue
            replica = self._fleet.choose(now)
            if replica is None:
                self._ready.appendleft(job)
                return self._fleet.next_room(now)
            room = self._charges.reserve(job)
            if room is Room.NEVER:
                self._give_up(job, BEYOND)
                continue
            if room is not Room.FOR_IT:
                self._ready.appendleft(job)
                if room is Room.NONE_NOW:
                    self._stop_if_spent()
                return None
            self._asked.setdefault(job.key, [job])
            if not self._fleet.in_flight():
                self._breaker.on_first(now)
            replica.sent(now)
            self._moved = now
            self._tasks.add(asyncio.create_task(self._ask(job, replica)))
        return None

    def _stop_if_spent(self) -> None:
        """End at the budget, once everything that was asked for is there and judged."""
        account = self._charges.account
        if account is not None and account.denied and not (self._fleet.in_flight() or self._commits):
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
        self._exhausted, self._starved = row is None, isinstance(row, NotYet)
        return None if row is None or isinstance(row, NotYet) else self._draft(row, 0, None)

    def _draft(self, row: Draftable[T], draft: int, problem: str | None) -> Job[T]:
        request = row.request(draft, problem)
        return Job(row, request, request.key(self._fleet.model, self._fleet.revision), draft)

    # One attempt

    async def _ask(self, job: Job[T], replica: Replica) -> None:
        started = time.monotonic()
        job.attempts += 1
        try:
            outcome = await self._transport.ask(replica.chat_url, job.request, job.key, job.attempts)
        except Exception as error:  # the transport raises nothing; if it did, that would be no end of the run
            outcome = Failure("transport_error", in_words(error), server_fault=False)
        finally:
            replica.in_flight -= 1
            self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        now = self._moved = time.monotonic()
        try:
            self._charges.settle(job, outcome)
            if isinstance(outcome, Answer):
                replica.answered(now, now - started)
                self._breaker.on_good(now)
                self._put = self._journal.put(outcome)
                self._commits.arrived(self._put, (job, outcome), now)
            else:
                self._on_failure(job, replica, outcome, now - started, now)
        except Exception as error:
            self.fail(error)
        self._soon()

    def _on_failure(self, job: Job[T], replica: Replica, failure: Failure, seconds: float, now: float) -> None:
        replica.count(failure.reason)
        self._breaker.on_failure(failure.reason, failure.detail, now, failure.refusal, failure.fatal)
        if failure.fatal and self._breaker.is_fatal():
            raise ServerBroken(f"The server at {replica.base_url} {failure.detail}", failure.hint)
        if failure.server_fault and self._fleet.on_fault(replica, failure, now, seconds, self._on_fleet):
            window = f"window of {replica.base_url}: {int(replica.limiter.limit)}"
            self._emit(Event("slowed", job.row.row_id, failure.reason, window))
        self._stop_if_broken()
        refused_by_rate = failure.reason == "http_429"
        final = failure.refusal and not failure.fatal  # a key that is refused is no news about the row
        if final or (job.attempts >= self._settings.max_attempts and not refused_by_rate):
            self._emit(Event("failed", job.row.row_id, failure.reason, failure.detail))
            self._give_up(job, failure)
            return
        if refused_by_rate:
            job.attempts -= 1  # "later" is no attempt; patience bounds it
        pause = pause_before(job.attempts, failure.retry_after, self._settings.patience_s)
        heapq.heappush(self._later, (now + pause, next(self._tie), job))
        self._emit(Event("retry", job.row.row_id, failure.reason, failure.detail, in_flight=self._fleet.in_flight()))

    def _give_up(self, job: Job[T], failure: Failure) -> None:
        """No answer will come for this job, nor for those that asked the same."""
        for waiting in self._asked.pop(job.key, (job,)):
            self._verdicts.failed(waiting, failure, job.attempts)

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

    def _judge(self, job: Job[T], answer: Answer) -> None:
        self._moved = self.beat
        refusal = self._verdicts.judge(job, answer)
        if refusal is not None:
            following = self._draft(job.row, job.draft + 1, refusal.problem)
            following.tokens, following.seconds = job.tokens, job.seconds
            self._ready.append(following)

    def _out(self, item: Accepted[T] | Quarantined | Event) -> None:
        if not self._emit(item):
            self._keeps_up = False

    def fail(self, error: BaseException) -> None:
        """End the run with an error, in words if it is the engine's own; what is finished has been emitted."""
        if not self._done.done():
            self._done.set_exception(error if isinstance(error, UserError) else EngineFailed.of(error))
