"""Shards made at the same time through one Asker, against a real HTTP server in this process."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from unicorn_assets.generation.asking import Asker
from unicorn_assets.generation.side_by_side import one_by_one, side_by_side
from unicorn_assets.lake.files import Files
from unicorn_assets.llm.errors import EngineFailed, ServerBroken
from unicorn_assets.llm.spend.ledger import ShardRun
from unicorn_assets_tests.llm.faulty_server import FaultyServer, HeldServer, until
from unicorn_assets_tests.llm.rows import Row, settings_for


def asker_for(server, lake, **options):
    return Asker(settings_for(server.url, **options), str(lake), Files(str(lake)))


def rows_of(unit, count=10):
    task, shard = unit
    return [Row(100 * int(shard) + 10 * TASKS.index(task) + n) for n in range(count)]


def work_with(asker, begun=None):
    def work(unit):
        if begun is not None:
            begun.append(unit)
        ask, _ = asker.asking(lambda _: None, ShardRun(*unit), int(unit[1]))
        return sorted(outcome.row_id for outcome in ask(rows_of(unit)))

    return work


def make_all(made):
    return {unit: result() for unit, result in made}


TASKS = ("multiple_choice", "question_answering", "complex_reasoning")
SHARDS = tuple((task, str(n)) for n, task in enumerate(TASKS * 4))


def test_shards_of_several_assets_with_one_name_fill_one_window(tmp_path):
    units = [(task, "1") for task in TASKS]
    with HeldServer() as server, asker_for(server, tmp_path, concurrency=25) as asker, ThreadPoolExecutor(1) as pool:
        made = pool.submit(make_all, side_by_side(asker, units, work_with(asker)))
        until(lambda: server.in_flight == 25)
        server.may = True
        assert set(made.result()) == set(units)


def test_every_shard_comes_out_once_with_its_own_rows_and_a_replay_starts_no_server(tmp_path):
    with FaultyServer(latency=0.005) as server:
        with asker_for(server, tmp_path, concurrency=16) as asker:
            found = make_all(side_by_side(asker, SHARDS, work_with(asker)))
        assert found == {unit: sorted(row.row_id for row in rows_of(unit)) for unit in SHARDS}
        assert server.requests == 120
        assert 10 < server.most <= 16  # more than one shard has
    with asker_for(server, tmp_path) as asker:  # the server is gone
        again = make_all(side_by_side(asker, SHARDS, work_with(asker)))
        assert asker.base_urls == ()
    assert again == found


def test_a_window_is_filled_with_no_more_shards_than_it_takes(tmp_path):
    begun = []
    with HeldServer() as server, asker_for(server, tmp_path, concurrency=25) as asker, ThreadPoolExecutor(1) as pool:
        made = pool.submit(make_all, side_by_side(asker, SHARDS, work_with(asker, begun)))
        # Ten rows a shard: 25 are in flight, one is drawn ahead, and 24 that wait were too few to be enough.
        until(lambda: server.in_flight == 25 and len(begun) == 6)
        time.sleep(0.05)
        assert begun == list(SHARDS[:6])
        server.may = True
        assert set(made.result()) == set(SHARDS)


def test_a_shard_that_fails_fails_alone(tmp_path):
    class Wrong(Row):
        def request(self, draft, problem):
            if self.number == 305:
                raise RuntimeError("no such prompt")
            return super().request(draft, problem)

    with FaultyServer(latency=0.002) as server, asker_for(server, tmp_path) as asker:

        def work(unit):
            if unit[1] == "7":
                raise ValueError("no such file")
            ask, _ = asker.asking(lambda _: None, ShardRun(*unit), int(unit[1]))
            return [outcome.row_id for outcome in ask([Wrong(row.number) for row in rows_of(unit)])]

        results = dict(side_by_side(asker, SHARDS, work))
        assert set(results) == set(SHARDS)
        for (_, shard), result in results.items():
            if shard in ("3", "7"):
                with pytest.raises(EngineFailed if shard == "3" else ValueError, match="no such"):
                    result()
            else:
                assert len(result()) == 10
        # Made again alone, from the journal: only what was in flight is asked again.
        assert sum(times - 1 for times in server.asked.values()) <= 16


def test_a_server_that_is_broken_ends_it_for_all_and_no_thread_is_left(tmp_path):
    before = threading.active_count()
    with (
        FaultyServer(lambda row, nth: "401" if row >= 200 else None) as server,
        asker_for(server, tmp_path) as asker,
        closing(side_by_side(asker, SHARDS, work_with(asker))) as made,
        pytest.raises(ServerBroken),
    ):
        make_all(made)
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_one_by_one_makes_a_shard_when_it_is_asked_for():
    made = []
    units = [("captions", "a"), ("captions", "b")]
    for unit, result in one_by_one(units, lambda unit: made.append(unit) or unit):
        assert unit not in made
        assert result() == unit
    assert made == units
