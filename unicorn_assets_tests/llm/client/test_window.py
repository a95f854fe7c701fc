"""Several askers at one engine, against a real HTTP server in this process."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from unicorn_assets.lake.files import Files
from unicorn_assets.llm.client.window import Window
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.errors import BudgetReached, EngineFailed, EngineStalled, TogetherFailed
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.row import Accepted, Quarantined
from unicorn_assets.llm.settings import Budget
from unicorn_assets.llm.spend.budget import Account
from unicorn_assets.llm.spend.ledger import Ledger
from unicorn_assets_tests.llm.faulty_server import FaultyServer, HeldServer, until
from unicorn_assets_tests.llm.rows import Row, rows, settings_for


def ask(window, work, listen=lambda _: None, rank=0, handed_in=lambda: None):
    return list(window.ask(work, listen, rank, handed_in))


@contextmanager
def open_window(lake, server, low=lambda: None, account=None, **options):
    settings = settings_for(server.url, **options)
    with (
        Journal.open(str(lake)) as journal,
        open_endpoint(settings) as endpoint,
        closing(Window(endpoint, journal, settings, account, low)) as window,
    ):
        yield window


def test_each_asker_gets_its_own_rows_its_own_events_and_nothing_else(tmp_path):
    sizes = [1, 40, 7, 90, 0, 23]
    # The same names and, for two of them, the same questions: what is shared is asked once, and told to both.
    asked = [
        rows(size, prompt="Write." if n in (1, 3) else f"Write {n}.", refuse=n % 2) for n, size in enumerate(sizes)
    ]
    ledgers = [Ledger() for _ in sizes]
    with FaultyServer() as server, open_window(tmp_path, server) as window, ThreadPoolExecutor(len(sizes)) as pool:
        found = list(pool.map(lambda n: ask(window, asked[n], ledgers[n].observe, n), range(len(sizes))))
        requests = server.requests
    for size, outcomes, ledger in zip(sizes, found, ledgers, strict=True):
        assert sorted(outcome.row_id for outcome in outcomes) == sorted(f"row-{n}" for n in range(size))
        assert ledger.accepted == size
    assert [ledger.rejected for ledger in ledgers] == [0, 40, 0, 90, 0, 23]
    assert sum(ledger.calls for ledger in ledgers) == requests
    assert sum(ledger.from_journal for ledger in ledgers) == 80


def test_the_next_ones_rows_fill_the_window_and_go_behind_those_of_a_lower_rank(tmp_path):
    low = threading.Semaphore(0)
    with HeldServer() as server, open_window(tmp_path, server, low.release, concurrency=2) as window:
        assert window.is_low
        with ThreadPoolExecutor(3) as pool:
            asked = []
            for rank, first in ((5, 0), (7, 10), (1, 20)):
                handed_in = threading.Event()
                some = [Row(n) for n in range(first, first + 4)]
                asked.append(pool.submit(ask, window, some, lambda _: None, rank, handed_in.set))
                assert handed_in.wait(5)
                until(lambda: server.in_flight == 2)
            assert not window.is_low
            server.may = True
            assert [len(each.result()) for each in asked] == [4, 4, 4]
        assert low.acquire(timeout=5)
    order = list(server.asked)
    assert set(order[:2]) == {0, 1}
    assert max(map(order.index, range(20, 24))) < min(map(order.index, range(10, 14)))


def test_a_mistake_of_a_row_is_told_to_all_and_alone_to_whom_it_belongs(tmp_path):
    class Wrong(Row):
        def request(self, draft, problem):
            raise RuntimeError("no such prompt")

    with HeldServer() as server, open_window(tmp_path, server) as window:
        with ThreadPoolExecutor(2) as pool:
            good = pool.submit(ask, window, rows(3), lambda _: None)
            until(lambda: server.in_flight == 3)
            wrong = pool.submit(ask, window, [Wrong(9)], lambda _: None)
            for each in (wrong, good):
                with pytest.raises(TogetherFailed, match="no such prompt"):
                    each.result()
        assert window.is_over
        with pytest.raises(EngineFailed):
            ask(window, rows(1), lambda _: None)
    with FaultyServer() as server, open_window(tmp_path, server) as window, pytest.raises(EngineFailed) as told:
        ask(window, [Wrong(9)], lambda _: None)
    assert not isinstance(told.value, TogetherFailed)


def test_the_budget_ends_it_for_all_and_says_how_many_wait(tmp_path):
    settings = settings_for("http://unused/v1", budget=Budget(calls=6))
    with (
        Account(Files(str(tmp_path)), settings.budget) as account,
        FaultyServer() as server,
        open_window(tmp_path, server, account=account, budget=Budget(calls=6)) as window,
        ThreadPoolExecutor(2) as pool,
    ):
        both = [pool.submit(ask, window, rows(10, prompt=f"{n}"), lambda _: None, n) for n in range(2)]
        for each in both:
            with pytest.raises(BudgetReached, match="at least 14 rows wait"):
                each.result()
        assert server.requests == 6


def test_a_listeners_mistake_ends_what_it_listens_to(tmp_path):
    def deaf(event):
        raise ValueError("I cannot hear")

    with FaultyServer() as server, open_window(tmp_path, server) as window:
        with pytest.raises(ValueError, match="I cannot hear"):
            ask(window, rows(3), deaf)
        assert all(isinstance(outcome, Accepted | Quarantined) for outcome in ask(window, rows(5)))


def test_closed_it_lets_nobody_wait(tmp_path):
    with HeldServer() as server, open_window(tmp_path, server) as window, ThreadPoolExecutor(1) as pool:
        waits = pool.submit(ask, window, rows(3), lambda _: None)
        until(lambda: server.in_flight == 3)
        window.close()
        with pytest.raises(EngineStalled, match="closed while rows were asked"):
            waits.result()
