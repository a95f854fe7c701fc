"""A kind of request with a budget of its own: never crossed, the run goes on, and kill -9 forgets nothing."""

import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.generation.asking import Asker
from unicorn_assets.lake.files import Files
from unicorn_assets.llm.errors import BudgetReached
from unicorn_assets.llm.row import NOT_ASKED, Accepted
from unicorn_assets.llm.settings import Budget, OwnBudget, Price
from unicorn_assets.llm.spend.records import OWN, SpendRecords, total
from unicorn_assets_tests.llm.faulty_server import FaultyServer
from unicorn_assets_tests.llm.rows import Row, rows, settings_for

PRICE = Price(prompt=1000.0, completion=2000.0)  # USD per million: an answer of the server costs 0.017 USD
USD_PER_CALL = (7 * 1000 + 5 * 2000) / 1e6
FIRST = 1000
"""Rows from here on have the budget of their own."""


def owned(n: int, **limits) -> list[Row]:
    found = [Row(FIRST + number) for number in range(n)]
    for row in found:
        row.own_budget = OwnBudget("judge", Budget(**limits))
    return found


def ask(lake, server, work, budget=None, **options):
    """Outcomes by row id, the ledger, and the error that ended the run, if any."""
    chosen = {"budget": budget, "price": PRICE, "concurrency": 8, **options}
    found, error = {}, None
    with Asker(settings_for(server.url, **chosen), str(lake), Files(str(lake))) as asker:
        question, ledger = asker.asking(lambda event: None)
        try:
            found = {outcome.row_id: outcome for outcome in question(work)}
        except BudgetReached as reached:
            error = reached
    return found, ledger, error


def requests_of_own(server) -> int:
    return sum(times for row, times in server.asked.items() if row >= FIRST)


def not_asked(found) -> int:
    return sum(not isinstance(outcome, Accepted) and outcome.reason == NOT_ASKED for outcome in found.values())


def booked(lake, price=PRICE):
    return total(SpendRecords(Files(str(lake)), f"{OWN}/judge").records().values(), price)


@pytest.mark.parametrize(
    ("limits", "most"),
    [({"calls": 30}, 30), ({"tokens": 2000}, 2000 / 12), ({"usd": 0.6}, 0.6 / USD_PER_CALL)],
)
def test_what_has_no_room_is_not_asked_all_else_is_and_more_room_asks_the_rest(tmp_path, limits, most):
    with FaultyServer(latency=0.003) as server:
        found, ledger, error = ask(tmp_path, server, [*owned(200, **limits), *rows(60)])
        assert error is None
        assert 0 < requests_of_own(server) <= most
        assert requests_of_own(server) + not_asked(found) == 200
        assert sum(isinstance(outcome, Accepted) for outcome in found.values()) == 260 - not_asked(found)
        assert (ledger.not_asked, ledger.quarantined, ledger.calls) == (not_asked(found), 0, server.requests)
        assert booked(tmp_path).calls == requests_of_own(server)
        assert booked(tmp_path).usd == pytest.approx(requests_of_own(server) * USD_PER_CALL)
        again, _, _ = ask(tmp_path, server, [*owned(200, **limits), *rows(60)])
        assert requests_of_own(server) + not_asked(again) == 200
        assert requests_of_own(server) <= most
        more, _, _ = ask(tmp_path, server, [*owned(200, calls=10_000), *rows(60)])
        assert not_asked(more) == 0
        assert set(server.asked.values()) == {1}


def test_with_no_room_left_no_server_is_started(tmp_path):
    with FaultyServer() as server:
        ask(tmp_path, server, [*owned(10, calls=4), *rows(5)])
        with Asker(settings_for(server.url), str(tmp_path), Files(str(tmp_path))) as asker:
            question, ledger = asker.asking(lambda event: None)
            found = {outcome.row_id: outcome for outcome in question([*owned(10, calls=4), *rows(5)])}
            assert asker.base_urls == ()
    assert (not_asked(found), ledger.from_journal, ledger.calls) == (6, 9, 0)


def test_the_runs_budget_counts_them_too_and_ends_the_run(tmp_path):
    with FaultyServer(latency=0.003) as server:
        _, _, error = ask(tmp_path, server, owned(100, calls=50), Budget(calls=20))
        assert error is not None
        assert server.requests == 20
        assert booked(tmp_path).calls == 20  # what was set aside and could not be sent is given back


def test_an_answer_that_fails_may_be_asked_again_within_the_budget(tmp_path):
    with FaultyServer(lambda row, nth: "500" if nth == 1 and row % 3 == 0 else None) as server:
        found, _, _ = ask(tmp_path, server, [*owned(30, calls=12), *rows(9)])
        assert sum(isinstance(outcome, Accepted) for outcome in found.values()) == 9 + 12
        assert not_asked(found) == 18


def test_processes_share_it(tmp_path):
    with FaultyServer(latency=0.003) as server, ExitStack() as stack:
        asked = [owned(120, calls=100), owned(120, calls=100)]
        for row in asked[1]:
            row.prompt = "Write more."
        threads = [threading.Thread(target=ask, args=(tmp_path, server, work)) for work in asked]
        for thread in threads:
            thread.start()
            stack.callback(thread.join, 60)
        for thread in threads:
            thread.join(60)
        assert 0 < server.requests <= 100
        assert booked(tmp_path).calls == server.requests


@settings(max_examples=12, deadline=None)
@given(
    limits=st.one_of(
        st.builds(lambda n: {"calls": n}, st.integers(1, 40)),
        st.builds(lambda n: {"tokens": n}, st.integers(1, 3000)),
        st.builds(lambda n: {"usd": n / 100}, st.integers(1, 60)),
        st.builds(lambda n, m: {"calls": n, "tokens": m}, st.integers(1, 40), st.integers(1, 3000)),
    ),
    sizes=st.lists(st.tuples(st.integers(0, 25), st.integers(0, 12)), min_size=1, max_size=3),
    concurrency=st.integers(1, 12),
    fails=st.sets(st.integers(FIRST, FIRST + 25), max_size=4),
)
def test_however_much_is_asked_in_whatever_runs_no_limit_is_crossed(
    tmp_path_factory, limits, sizes, concurrency, fails
):
    lake = tmp_path_factory.mktemp("lake")
    with FaultyServer(lambda row, nth: "500" if nth == 1 and row in fails else None, latency=0.001) as server:
        for own, plain in sizes:
            found, _, error = ask(lake, server, [*owned(own, **limits), *rows(plain)], concurrency=concurrency)
            assert error is None
            assert len(found) == own + plain
            assert sum(isinstance(outcome, Accepted) for outcome in found.values()) == own + plain - not_asked(found)
            answered = requests_of_own(server) - len([row for row in fails if server.asked[row]])
            assert answered <= limits.get("calls", answered)
            assert answered * 12 <= limits.get("tokens", answered * 12)
            assert answered * USD_PER_CALL <= limits.get("usd", answered * USD_PER_CALL) + 1e-9
            assert booked(lake).calls >= answered


CLIENT = """
import sys
from unicorn_assets.lake.files import Files
from unicorn_assets.generation.asking import Asker
from unicorn_assets_tests.llm.rows import settings_for
from unicorn_assets_tests.llm.spend.test_own_budget import owned
with Asker(settings_for(sys.argv[1], concurrency=8), sys.argv[2], Files(sys.argv[2])) as asker:
    ask, _ = asker.asking(lambda event: None)
    for outcome in ask(owned(500, calls=150)):
        print(outcome.row_id, flush=True)
"""


def test_kill_9_forgets_nothing_that_was_spent(tmp_path):
    with FaultyServer(latency=0.01) as server:
        for after in (1, 60):
            command = [sys.executable, "-c", CLIENT, server.url, str(tmp_path)]
            client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert client.stdout is not None
            wanted, seen = server.requests + after, 0
            while server.requests < wanted and client.stdout.readline():
                seen += 1
            client.kill()
            client.wait()
            client.stdout.close()
            assert seen
            assert booked(tmp_path).calls >= server.requests
        found, _, error = ask(tmp_path, server, owned(500, calls=150))
        assert error is None
        assert server.requests <= 150
        assert not_asked(found) >= 350
        assert sum(isinstance(outcome, Accepted) for outcome in found.values()) == 500 - not_asked(found)
        found, _, _ = ask(tmp_path, server, owned(500, calls=5000))
        assert not_asked(found) == 0
        assert server.requests <= 500 + 2 * 8
