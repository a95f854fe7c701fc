"""The real engine core under hypothesis: answers, syncs, threads, the consumer and the clock move in any order.

After every step either the run is over or somebody will wake it (a request, a thread, a timer, the consumer); and when
everything that is under way comes to its end, every row has one outcome. The watchdog does not run here: no news may be
missed even without it. Not here: real servers and disks (test_stress.py).
"""

import asyncio
from collections import Counter
from types import SimpleNamespace
from unittest import mock

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from unicorn_assets.llm.client import commit, core
from unicorn_assets.llm.client.feed import Feed
from unicorn_assets.llm.client.fleet import Fleet
from unicorn_assets.llm.endpoints.base import Endpoint
from unicorn_assets.llm.failure import Failure
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import Accepted, Quarantined
from unicorn_assets_tests.llm.client.still_loop import StillLoop
from unicorn_assets_tests.llm.rows import Row, settings_for

GOOD = '{"caption": "a", "score": 1}'
QUEUE = 12
FAILURES = {
    "503": Failure("http_503", "busy"),
    "429": Failure("http_429", "later", retry_after=2.0),
    "refused": Failure("bad_request", "no", refusal=True, server_fault=False),
    "lost": Failure("connection_lost", "gone", lost=True),
}


class ModelJournal:
    """The journal's promise: numbers ascend, `sync` covers what was written when it began, and the journal's own thread
    may write and sync by itself at any moment, telling nobody.
    """

    def __init__(self, commits_at_once: bool, stored: dict[str, Answer]) -> None:
        self.commits_at_once, self.stored = commits_at_once, stored
        self.number = self.written = self.durable = 0
        self.overtakes = False

    def put(self, _answer):
        self.number += 1
        return self.number

    def write(self):
        self.written = self.number
        if self.overtakes:  # the journal's thread syncs before the engine, which called this, goes on
            self.sync()

    def sync(self):
        self.durable = self.written

    def get(self, key):
        return self.stored.get(key)

    def check(self):
        pass


class ModelTransport:
    def __init__(self) -> None:
        self.in_flight: list[tuple[asyncio.Future, str]] = []

    async def ask(self, _url, _request, key, _attempt):
        future = asyncio.get_running_loop().create_future()
        self.in_flight.append((future, key))
        return await future


class ModelEndpoint(Endpoint):
    model, revision = "m", "r"

    def start(self):
        pass

    def revive(self, base_url):
        return base_url


def answer_to(key: str) -> Answer:
    return Answer(key, GOOD, "stop", 7, 5, 0, 0.1, 1, "m")


class Engine(RuleBasedStateMachine):
    @initialize(
        rows=st.integers(0, 60),
        window=st.integers(1, 16),
        servers=st.integers(1, 2),
        local=st.booleans(),
        twins=st.booleans(),
        stored=st.integers(0, 30),
        group=st.sampled_from([2, 4, 64]),
        portions=st.booleans(),
    )
    def begin(self, rows, window, servers, local, twins, stored, group, portions):
        self.loop = StillLoop()
        asyncio.set_event_loop(self.loop)
        clock = SimpleNamespace(monotonic=self.loop.time)
        self.patches = [
            mock.patch.object(commit, "GROUP", group),
            mock.patch.object(core, "GROUP", group),
            mock.patch.object(core, "REPLAYS_PER_TURN", 5),
            mock.patch.object(core, "time", clock),
            mock.patch("unicorn_assets.llm.client.fleet.time", clock),
        ]
        for patch in self.patches:
            patch.start()
        self.work = [Row(n // 2 if twins else n, name=f"r{n}", refuse=n % 4) for n in range(rows)]
        known = [row.request(0, None).key("m", "r") for row in self.work[:stored:2]]
        self.journal = ModelJournal(local, {key: answer_to(key) for key in known})
        self.transport, self.queue, self.outcomes = ModelTransport(), [], Counter()
        self.behind = False
        llm = settings_for(*(f"http://{n}/v1" for n in range(servers)), concurrency=window, max_attempts=4)
        endpoint = ModelEndpoint()
        endpoint.base_urls = llm.urls
        self.feed, self.to_come = Feed(window), list(self.work) if portions else []
        if not portions:
            self.feed = iter(self.work)
        self.loop.run_until_complete(self.make_core(Fleet(endpoint, llm.concurrency), llm))
        self.core._soon()
        self.loop.settle()

    async def make_core(self, fleet, llm):
        self.core = core.Core(self.feed, fleet, self.transport, self.journal, llm, self.emit)

    def emit(self, item):
        self.queue.append(item)
        self.behind = self.behind or len(self.queue) >= QUEUE
        return len(self.queue) < QUEUE

    # What may happen

    @precondition(lambda self: self.to_come)
    @rule(count=st.integers(1, 20), rank=st.integers(0, 2))
    def rows_come(self, count, rank):
        self.feed.add(self.to_come[:count], rank)
        del self.to_come[:count]
        self.core.look()
        self.loop.settle()

    @precondition(lambda self: self.transport.in_flight)
    @rule(which=st.integers(0, 1000), count=st.integers(1, 8))
    def answers_come(self, which, count):
        for _ in range(min(count, len(self.transport.in_flight))):
            future, key = self.transport.in_flight.pop(which % len(self.transport.in_flight))
            future.set_result(answer_to(key))
        self.loop.settle()

    @precondition(lambda self: self.transport.in_flight)
    @rule(which=st.integers(0, 1000), kind=st.sampled_from([*FAILURES, "raises"]))
    def an_attempt_fails(self, which, kind):
        future, _ = self.transport.in_flight.pop(which % len(self.transport.in_flight))
        if kind == "raises":
            future.set_exception(RuntimeError("the transport broke its word"))
        else:
            future.set_result(FAILURES[kind])
        self.loop.settle()

    @precondition(lambda self: self.loop.jobs)
    @rule(which=st.integers(0, 1000))
    def a_thread_ends(self, which):
        self.loop.finish_job(which % len(self.loop.jobs))
        self.loop.settle()

    @rule()
    def the_journal_syncs_by_itself(self):
        self.journal.write()
        self.journal.sync()

    @rule(overtakes=st.booleans())
    def the_journals_thread_is_fast(self, overtakes):
        self.journal.overtakes = overtakes

    @rule()
    def the_consumer_reads(self):
        self.read()

    @rule(seconds=st.sampled_from([0.001, 0.06, 0.5, 3.0]))
    def time_passes(self, seconds):
        self.loop.now += seconds
        self.loop.settle()

    def read(self):
        for item in self.queue:
            if isinstance(item, Accepted | Quarantined):
                self.outcomes[item.row_id] += 1
        self.queue.clear()
        if self.behind:
            self.behind = False
            self.core.resume()
            self.loop.settle()

    # What must hold

    @invariant()
    def somebody_will_wake_it(self):
        if not self.core._done.done():
            is_fed = isinstance(self.feed, Feed)
            done = sum(self.outcomes.values()) + sum(isinstance(item, Accepted | Quarantined) for item in self.queue)
            waits_for_rows = is_fed and done == len(self.work) - len(self.to_come)
            wakers = [self.transport.in_flight, self.loop.jobs, self.loop.timers(), self.behind, waits_for_rows]
            assert any(wakers), f"nobody wakes it: {self.core.describe()}"

    @invariant()
    def nothing_goes_wrong_unseen(self):
        assert not self.loop.errors

    @invariant()
    def only_durable_answers_are_judged(self):
        judged = self.journal.number - len(self.core._commits)
        assert judged <= (self.journal.durable if self.journal.commits_at_once else self.journal.number)

    def teardown(self):
        if not hasattr(self, "loop"):
            return
        try:
            self.come_to_the_end()
        finally:
            for patch in self.patches:
                patch.stop()
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.settle()
            self.loop.close()
            asyncio.set_event_loop(None)

    def come_to_the_end(self):
        for _ in range(3000):
            if self.core._done.done():
                break
            if self.transport.in_flight:
                self.answers_come(0, 3)
            elif self.loop.jobs:
                self.a_thread_ends(0)
            elif self.behind:
                self.read()
            elif self.to_come:
                self.rows_come(20, 0)
            elif isinstance(self.feed, Feed) and not self.loop.timers():
                self.feed.close()
                self.core.look()
                self.loop.settle()
            else:
                assert self.loop.timers(), f"it stands still: {self.core.describe()}"
                self.loop.now = max(self.loop.now, self.loop.timers()[0])
                self.loop.settle()
        assert self.core._done.done()
        self.read()
        if self.core._done.exception() is None:  # else patience ended with the servers
            assert self.outcomes == Counter({row.row_id: 1 for row in self.work})


Engine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEngineCore = Engine.TestCase
