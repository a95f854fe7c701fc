"""The hard budget against a real HTTP server: never crossed, shared by processes, and it survives kill -9."""

import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.generation.asking import Asker
from unicorn_assets.lake.browse import browse
from unicorn_assets.lake.files import Files
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.errors import BudgetReached
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Accepted
from unicorn_assets.llm.settings import Budget, Price, Sampling
from unicorn_assets.llm.spend.amount import Amount
from unicorn_assets.llm.spend.budget import Account
from unicorn_assets.llm.spend.records import MERGE_AT, Record, SpendRecords, total
from unicorn_assets_tests.llm.faulty_server import FaultyServer
from unicorn_assets_tests.llm.rows import rows, settings_for

PRICE = Price(prompt=1000.0, completion=2000.0)  # USD per million: an answer of the server costs 0.017 USD
USD_PER_CALL = (7 * 1000 + 5 * 2000) / 1e6


def ask(lake, server, work, budget=None, price=None):
    """Outcomes, and the error that ended the run, if any."""
    options = {"budget": budget, "price": price, "concurrency": 8}
    outcomes = []
    with Asker(settings_for(server.url, **options), str(lake), Files(str(lake))) as asker:
        question, ledger = asker.asking(lambda event: None)
        try:
            for outcome in question(work):
                outcomes.append(outcome)
        except BudgetReached as error:
            return outcomes, error, ledger
    return outcomes, None, ledger


def spent(lake, price=None):
    return total(SpendRecords(Files(str(lake))).records().values(), price)


def used(server):
    return Amount(server.requests, server.requests * 12, server.requests * USD_PER_CALL)


@pytest.mark.parametrize(
    ("budget", "limit"),
    [({"calls": 30}, 30), ({"tokens": 2000}, 2000 / 12), ({"usd": 0.6}, 0.6 / USD_PER_CALL)],
)
def test_no_request_crosses_the_budget_and_nothing_is_asked_twice_after_raising_it(tmp_path, budget, limit):
    with FaultyServer(latency=0.005) as server:
        outcomes, error, _ = ask(tmp_path, server, rows(200), Budget(**budget), PRICE)
        assert error is not None
        assert 0 < server.requests <= limit
        assert f"at least {200 - len(outcomes)} rows wait" in error.message
        assert error.exit_code == 3
        assert "raise llm.budget" in error.hint
        # Everything that was paid for is kept: all requests became outcomes.
        assert len(outcomes) == server.requests
        counted = spent(tmp_path, PRICE)
        assert (counted.calls, counted.tokens) == (used(server).calls, used(server).tokens)
        assert counted.usd == pytest.approx(used(server).usd)
        again, error, ledger = ask(tmp_path, server, rows(200), Budget(calls=10_000), PRICE)
        assert error is None
        assert len(again) == 200
        assert set(server.asked.values()) == {1}
        assert (ledger.from_journal, ledger.calls) == (len(outcomes), 200 - len(outcomes))


def test_the_calls_of_a_budget_are_used_up_to_the_last(tmp_path):
    with FaultyServer(latency=0.005) as server:
        _, error, _ = ask(tmp_path, server, rows(200), Budget(calls=37))
        assert server.requests == 37
        assert "used 37 calls of 37 calls over all runs" in error.message
        _, error, _ = ask(tmp_path, server, rows(200), Budget(calls=37))
        assert server.requests == 37  # also in the next run


def test_a_token_budget_is_used_except_for_what_one_more_request_could_need(tmp_path):
    with FaultyServer(latency=0.002) as server:
        _, error, _ = ask(tmp_path, server, rows(400), Budget(tokens=3000))
        assert error is not None
        # The rows allow 50 tokens of answer; about 64 more may be the prompt and its template.
        assert 3000 - 2 * (50 + 64 + 64) < server.requests * 12 <= 3000


def test_what_may_have_been_billed_counts_with_its_worst_case_and_refusals_do_not_count(tmp_path):
    with FaultyServer(lambda row, nth: "close" if nth == 1 and row < 5 else "429" if nth == 1 else None) as server:
        outcomes, error, ledger = ask(tmp_path, server, rows(20), Budget(calls=25))
        assert error is None
        assert len(outcomes) == 20
        assert server.requests == 40
        (record,) = SpendRecords(Files(str(tmp_path))).records().values()
        assert (record.calls, record.lost.calls) == (20, 5)
        assert record.lost.tokens >= 5 * 50
        assert not record.open
        assert (ledger.calls, ledger.attempts, ledger.retries) == (20, 40, 20)


def test_processes_share_a_budget(tmp_path):
    with FaultyServer(latency=0.003) as server, ExitStack() as stack:
        errors = []

        def work(name):
            errors.append(ask(tmp_path, server, rows(300, name=name, prompt=name), Budget(calls=100))[1])

        threads = [threading.Thread(target=work, args=(f"p{number}",)) for number in range(3)]
        for thread in threads:
            thread.start()
            stack.callback(thread.join, 60)
        for thread in threads:
            thread.join(60)
        assert all(isinstance(error, BudgetReached) for error in errors)
        assert server.requests <= 100
        assert spent(tmp_path).calls == server.requests
        # What one process leaves unused at its end is there for the next one.
        ask(tmp_path, server, rows(300, name="late", prompt="late"), Budget(calls=100))
        assert server.requests == 100


def test_claims_of_two_accounts_never_exceed_the_budget_and_use_it_up(lake):
    """On disk and on S3; each account is a process of its own."""
    news, request, held = threading.Event(), rows(1)[0].request(0, None), 0
    with Account(lake.files, Budget(calls=10)) as one, Account(lake.files, Budget(calls=10)) as two:
        for account in (one, two):
            account.begin(3, news.set)
        asking = [one, two]
        while asking:
            for account in list(asking):
                if account.reserve(request) is not None:
                    held += 1
                elif account.denied:
                    asking.remove(account)
                else:
                    assert news.wait(30)
                    news.clear()
            # Not what the records say in between: both may have written a claim that one of them takes back at once.
            assert held <= 10
    assert held == 10
    records = SpendRecords(lake.files).records().values()
    # Nobody said how the requests ended: they count as lost.
    assert [record.open for record in records] == [False, False]
    assert total(records, None).calls == sum(record.lost.calls for record in records) == 10


CLIENT = """
import sys
from unicorn_assets.lake.files import Files
from unicorn_assets.generation.asking import Asker
from unicorn_assets.llm.spend.ledger import shard_run
from unicorn_assets.llm.settings import Budget
from unicorn_assets_tests.llm.rows import rows, settings_for
settings = settings_for(sys.argv[1], budget=Budget(calls=int(sys.argv[3])), concurrency=8)
work = shard_run("caption_drafts", "a-00000", print)
with work as run, Asker(settings, sys.argv[2], Files(sys.argv[2])) as asker:
    ask, _ = asker.asking(lambda event: None, run)
    for outcome in ask(rows(500)):
        print(outcome.row_id, flush=True)
"""


def test_kill_9_forgets_nothing_that_was_spent(tmp_path):
    with FaultyServer(latency=0.01) as server:
        finished: dict[int, int] = {}  # row: how often it was asked until it was finished
        for after in (1, 60):
            command = [sys.executable, "-c", CLIENT, server.url, str(tmp_path), "400"]
            client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert client.stdout is not None
            # A row from the journal is no progress of this process: wait for the server.
            seen = [client.stdout.readline() for _ in range(len(finished) + after)]
            client.kill()
            client.wait()
            numbers = {int(line.split("-")[1]) for line in [*seen, *client.stdout] if line.endswith("\n")}
            finished |= {number: server.asked[number] for number in numbers - finished.keys()}
            client.stdout.close()
            # The books never say less than the server saw.
            assert spent(tmp_path).calls >= server.requests
        # What was at work when it was killed is in the ledger.
        makings = browse(Lake(str(tmp_path)), "select asset, shard, state, accepted <= 500 as known from ledger", 9)
        assert makings.rows() == [("caption_drafts", "a-00000", "unfinished", True)] * 2
        outcomes, error, _ = ask(tmp_path, server, rows(500), Budget(calls=400))
        assert error is not None
        assert server.requests <= 400
        outcomes, error, _ = ask(tmp_path, server, rows(500), Budget(calls=5000))
        assert error is None
        assert sum(isinstance(outcome, Accepted) for outcome in outcomes) == 500
        assert all(server.asked[number] == times for number, times in finished.items())
        # Each kill loses at most what was in flight.
        assert server.requests <= 500 + 2 * 8


def test_an_answer_never_costs_more_than_was_set_aside(tmp_path):
    account = Account(Files(str(tmp_path)), Budget(tokens=10), PRICE)
    message = {"role": "user", "content": "größer 🐦" * 10}
    for sampling, most in (
        (Sampling(max_tokens=50), 50),
        (Sampling(max_tokens=50, extra={"n": 3}), 150),
        (Sampling(max_tokens=50, extra={"max_completion_tokens": 70}), 70),
    ):
        held = account.worst_case(ChatRequest((message,), sampling, 1))
        assert held.amount.tokens == most + len(message["content"].encode()) + 64
        assert held.amount.usd == pytest.approx(((held.amount.tokens - most) * 1000 + most * 2000) / 1e6)


class Memory:
    """A lake in memory."""

    def __init__(self):
        self.files = {}

    def names(self, folder, suffix=""):
        return sorted(name.removeprefix(f"{folder}/") for name in self.files if name.endswith(suffix))

    def read(self, name):
        try:
            return self.files[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    def write(self, name, data):
        self.files[name] = data

    def remove(self, name):
        self.files.pop(name, None)


STEPS = st.lists(st.sampled_from(["open", "close", "merge", "late merge"]), max_size=150)


@settings(max_examples=40)
@given(STEPS, st.randoms(use_true_random=False))
def test_merging_at_any_time_by_anybody_changes_no_sum(steps, random):
    """`late merge`: a merge that read before and removes after another one, as two processes may do it."""
    shelf, expected, open_records = Memory(), Amount(), []
    for number in range(MERGE_AT):
        SpendRecords(shelf).write(Record(f"first-{number}", calls=1, prompt_tokens=2, at=1.0, open=False))
        expected += Amount(1, 2)
    for number, step in enumerate(steps):
        if step == "open":
            record = Record(f"r{number}", at=1.0, calls=random.randint(1, 9), claim=Amount(20, 5, 0.5))
            SpendRecords(shelf).write(record)
            open_records.append(record)
            expected += Amount(20, 5, 0.5)
        elif step == "close" and open_records:
            record = open_records.pop(random.randrange(len(open_records)))
            record.at, record.open, record.claim = 2.0, False, Amount()
            SpendRecords(shelf).write(record)
            expected += Amount(record.calls - 20, -5, -0.5)
        elif step == "merge":
            SpendRecords(shelf).merge()
        else:
            before = dict(shelf.files)
            SpendRecords(shelf).merge()
            stale = Memory()
            stale.files = dict(before)
            SpendRecords(stale).merge()
            shelf.files |= {name: data for name, data in stale.files.items() if name not in before}
            for name in before.keys() - stale.files.keys():
                shelf.remove(name)
        found = total(SpendRecords(shelf).records().values(), None)
        assert (found.calls, found.tokens) == (expected.calls, expected.tokens)
        assert found.usd == pytest.approx(expected.usd)


def test_answers_from_before_the_price_cost_what_they_would_cost_now():
    record = Record("a", calls=1, prompt_tokens=1000, completion_tokens=10, cached_tokens=400)
    assert record.counted(None).usd == 0
    assert record.counted(Price(prompt=1, completion=3, cached_prompt=0.5)).usd == pytest.approx(830e-6)
