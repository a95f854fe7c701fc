"""The engine against a real HTTP server in this process, with faults."""

import threading
import time
from contextlib import ExitStack

import pytest

from unicorn_assets.llm.client import engine
from unicorn_assets.llm.client.engine import generate
from unicorn_assets.llm.client.transport import Transport
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.errors import EngineFailed, EngineStalled, JournalBroken, ServerBroken
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.row import Accepted, Quarantined, Rejected
from unicorn_assets.llm.spend.ledger import Ledger
from unicorn_assets_tests.llm.faulty_server import FaultyServer, no_fault
from unicorn_assets_tests.llm.rows import Row, rows, settings_for


def run(lake, server, work, on_event=None, **options):
    settings = settings_for(server.url, **options)
    with Journal.open(str(lake)) as journal, open_endpoint(settings) as endpoint:
        return list(generate(work, endpoint, journal, settings, on_event))


def accepted(outcomes):
    return sorted(int(outcome.row_id.split("-")[-1]) for outcome in outcomes if isinstance(outcome, Accepted))


def test_every_row_is_answered_once_and_the_window_is_kept(tmp_path):
    ledger = Ledger()
    with FaultyServer(latency=0.01) as server:
        outcomes = run(tmp_path, server, rows(100), ledger.observe)
        assert accepted(outcomes) == list(range(100))
        assert server.requests == 100
        assert 8 <= server.most <= 16
    assert outcomes[0].value.score == 3
    assert (ledger.calls, ledger.from_journal, ledger.accepted) == (100, 0, 100)
    assert (ledger.prompt_tokens, ledger.completion_tokens, ledger.cached_tokens) == (700, 500, 200)


def test_rerun_asks_nothing_whatever_the_rows_are_called(tmp_path):
    ledger = Ledger()
    with FaultyServer() as server:
        first = run(tmp_path, server, rows(50, refuse=1))
        again = run(tmp_path, server, rows(50, refuse=1, name="renamed"), ledger.observe)
        assert server.requests == 100  # two drafts each, all in the first run
    assert [outcome.drafts for outcome in again] == [2] * 50
    assert {o.row_id.split("-")[1]: o.value for o in first} == {o.row_id.split("-")[1]: o.value for o in again}
    assert all(outcome.answer.from_journal for outcome in again)
    assert (ledger.calls, ledger.from_journal, ledger.rejected_by_reason["unlucky"]) == (0, 100, 50)


def test_edits_ask_only_what_changed(tmp_path):
    with FaultyServer() as server:
        run(tmp_path, server, rows(40))
        run(tmp_path, server, rows(41))
        assert server.requests == 41
        run(tmp_path, server, rows(40, prompt="Write well."))
        assert server.requests == 81


def test_rows_with_the_same_question_share_one_answer(tmp_path):
    with FaultyServer(latency=0.01) as server:
        outcomes = run(tmp_path, server, [Row(1, name=f"twin{i}") for i in range(30)])
        assert server.requests == 1
    assert len({outcome.row_id for outcome in outcomes}) == 30


FAULTS = ["500", "503", "429", "close", "hang", "html", "cut_off_body", "cut_off_content", "huge", "huge_chunked"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_is_recovered(tmp_path, fault):
    with FaultyServer(lambda row, nth: fault if row % 20 == 3 and nth == 1 else None) as server:
        outcomes = run(tmp_path, server, rows(60), timeout_s=1.0 if fault == "hang" else 30.0)
        assert accepted(outcomes) == list(range(60))
        assert all(server.asked[number] >= 2 for number in (3, 23, 43))
        assert server.requests == 63 or fault == "hang"  # on a busy machine a second may pass without any fault


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("500", "http_500"),
        ("close", "connection_lost"),
        ("hang", "timeout"),
        ("html", "not_an_answer"),
        ("cut_off_body", "not_an_answer"),
        ("cut_off_content", "cut_off"),
        ("huge", "answer_too_large"),
        ("400", "bad_request"),
        ("413", "http_413"),
        ("404", "http_404"),
    ],
)
def test_a_lasting_fault_of_a_row_is_quarantined_with_its_reason(tmp_path, fault, reason):
    with FaultyServer(lambda row, _: fault if row == 7 else None, latency=0.005) as server:
        timeout_s = 0.5 if fault == "hang" else 30.0
        outcomes = run(tmp_path, server, rows(200), timeout_s=timeout_s, max_attempts=3, concurrency=4)
        assert accepted(outcomes) == [i for i in range(200) if i != 7]
        (lost,) = [outcome for outcome in outcomes if isinstance(outcome, Quarantined)]
        assert (lost.row_id, lost.reason, lost.model) == ("row-7", reason, "m")
        assert lost.detail
        refused = reason in ("bad_request", "http_413")  # 404 is about the server, which may come to its senses
        assert server.asked[7] == (1 if refused else 3)
    if fault == "html":
        assert "busy" in lost.raw_answer


def test_rejected_drafts_get_the_problem_and_then_quarantine(tmp_path):
    work = rows(3, refuse=9)
    with FaultyServer() as server:
        outcomes = run(tmp_path, server, work, max_drafts=3)
    assert [(o.reason, o.drafts) for o in outcomes] == [("unlucky", 3)] * 3
    assert work[0].drafts_seen == [(0, None), (1, "try again"), (2, "try again")]
    assert "caption" in outcomes[0].raw_answer


def test_token_budget_of_a_row(tmp_path):
    with FaultyServer() as server:
        outcomes = run(tmp_path, server, rows(1, refuse=9), max_drafts=9, max_row_tokens=10)
        assert server.requests == 2  # five tokens each
    assert outcomes[0].drafts == 2


def test_a_broken_server_stops_the_run_with_one_line_and_keeps_what_is_done(tmp_path):
    with FaultyServer(lambda row, _: "500" if row >= 20 else None) as server:
        settings = settings_for(server.url, concurrency=4, patience_s=1.0, max_attempts=50)
        with Journal.open(str(tmp_path)) as journal, open_endpoint(settings) as endpoint:
            finished = []
            with pytest.raises(ServerBroken, match=r"no good answer for .*http_500") as stopped:
                finished.extend(generate(rows(300), endpoint, journal, settings))
        assert "\n" not in stopped.value.message
        server.fault = no_fault
        before = server.requests
        assert accepted(run(tmp_path, server, rows(300))) == list(range(300))
        assert server.requests - before == 280


def test_a_server_that_refuses_everything_stops_the_run_at_once(tmp_path):
    with FaultyServer(lambda *_: "422") as server, pytest.raises(ServerBroken, match="http_422"):
        run(tmp_path, server, rows(5000))
    assert server.requests < 100


@pytest.mark.parametrize("fault", ["401", "403", "404"])
def test_wrong_key_or_model_stops_at_the_first_answer(tmp_path, fault):
    with FaultyServer(lambda *_: fault) as server, pytest.raises(ServerBroken, match=f"HTTP {fault}"):
        run(tmp_path, server, rows(500))
    assert server.requests <= 16


def test_endless_429_ends_by_patience(tmp_path):
    with FaultyServer(lambda *_: "429 long") as server, pytest.raises(ServerBroken, match="http_429"):
        run(tmp_path, server, rows(30), patience_s=1.0)


def test_a_server_that_restarts_is_waited_for(tmp_path):
    with ExitStack() as servers:
        first = servers.enter_context(FaultyServer(latency=0.01))
        replaced: list[FaultyServer] = []

        def on_event(event):
            if event.kind == "left" and not replaced:
                replaced.append(servers.enter_context(FaultyServer(port=first.port)))

        settings = settings_for(first.url, concurrency=8, patience_s=30.0)
        with Journal.open(str(tmp_path)) as journal, open_endpoint(settings) as endpoint:
            outcomes = []
            for outcome in generate(rows(150), endpoint, journal, settings, on_event):
                outcomes.append(outcome)
                if len(outcomes) == 40:
                    first.stop()
        assert accepted(outcomes) == list(range(150))
        assert replaced[0].requests >= 150 - first.requests


def test_a_fleet_shares_the_work_and_survives_the_loss_of_a_server(tmp_path):
    events = []
    with (
        FaultyServer(latency=0.01) as stays,
        FaultyServer(latency=0.01) as dies,
        Journal.open(str(tmp_path)) as journal,
    ):
        settings = settings_for(stays.url, dies.url, concurrency=4)
        with open_endpoint(settings) as endpoint:
            outcomes = []
            for outcome in generate(rows(200), endpoint, journal, settings, events.append):
                outcomes.append(outcome)
                if len(outcomes) == 60:
                    dies.stop()
        assert accepted(outcomes) == list(range(200))
        assert stays.most <= 4
        assert min(stays.requests, dies.requests) >= 20
    assert [event.detail.startswith(dies.url) for event in events if event.kind == "left"] == [True]


def test_caller_that_stops_listening_ends_the_run(tmp_path):
    with FaultyServer(latency=0.01) as server:
        settings = settings_for(server.url)
        with Journal.open(str(tmp_path)) as journal, open_endpoint(settings) as endpoint:
            stream = generate(rows(500), endpoint, journal, settings)
            next(stream)
            stream.close()
            kept = {row.number for row in rows(500) if row.request(0, None).key("m", "") in journal}
        assert 1 <= len(kept) <= server.requests < 500
        assert accepted(run(tmp_path, server, rows(500))) == list(range(500))
        assert all(server.asked[number] == 1 for number in kept)
        assert server.requests <= 500 + 16


def test_rows_are_drawn_lazily_while_the_caller_is_busy(tmp_path, monkeypatch):
    monkeypatch.setattr("unicorn_assets.llm.client.engine.WAITING_OUTCOMES", 32)
    drawn = []

    def endless():
        for number in range(400):
            drawn.append(number)
            yield Row(number)

    with FaultyServer() as server:
        settings = settings_for(server.url)
        with Journal.open(str(tmp_path)) as journal, open_endpoint(settings) as endpoint:
            for finished, _ in enumerate(generate(endless(), endpoint, journal, settings)):
                # in the queue, in flight, and waiting for the disk
                assert len(drawn) <= finished + 1 + 32 + 16 + (64 + 16)
    assert len(drawn) == 400


def test_a_bug_in_a_rows_request_ends_the_run_in_words(tmp_path):
    class Buggy(Row):
        def request(self, draft, problem):
            if self.number == 5:
                raise ZeroDivisionError("prompt")
            return super().request(draft, problem)

    with FaultyServer() as server, pytest.raises(EngineFailed, match=r"ZeroDivisionError: prompt \(test_engine.py:\d+"):
        run(tmp_path, server, [Buggy(number) for number in range(9)])


def test_a_transport_that_breaks_its_word_fails_the_row_alone(tmp_path, monkeypatch):
    usual = Transport.ask

    async def ask(self, url, request, key, attempt):
        if "<row 3>" in request.messages[0]["content"]:
            raise OverflowError("cannot convert float infinity to integer")
        return await usual(self, url, request, key, attempt)

    monkeypatch.setattr(Transport, "ask", ask)
    with FaultyServer() as server:
        outcomes = run(tmp_path, server, rows(40), max_attempts=2)
    assert accepted(outcomes) == [number for number in range(40) if number != 3]
    (failed,) = [outcome for outcome in outcomes if isinstance(outcome, Quarantined)]
    assert (failed.row_id, failed.reason, failed.attempts) == ("row-3", "transport_error", 2)
    assert "OverflowError: cannot convert float infinity" in failed.detail


@pytest.mark.parametrize("error", [OSError("the disk is gone"), AttributeError("a mistake")])
def test_whatever_a_sync_raises_ends_the_run(tmp_path, monkeypatch, error):
    usual, raised = Journal.sync, [error]

    def sync(self):
        if raised:
            raise raised.pop()
        usual(self)

    monkeypatch.setattr(Journal, "sync", sync)
    with FaultyServer() as server, pytest.raises(EngineFailed, match=f"{type(error).__name__}: {error}"):
        run(tmp_path, server, rows(100))


def test_a_disk_that_never_answers_ends_the_run_within_patience(tmp_path, monkeypatch):
    answering = threading.Event()
    monkeypatch.setattr(Journal, "sync", lambda self: answering.wait(20) and None)
    told = (
        r"nothing has moved for .* with 0 requests in flight .* \d+ answers to judge .\d+ of them not on disk, a sync"
    )
    with FaultyServer() as server:
        settings = settings_for(server.url, patience_s=0.6)
        with Journal.open(str(tmp_path)) as journal, open_endpoint(settings) as endpoint:
            run = generate(rows(100), endpoint, journal, settings)
            threading.Timer(3.0, answering.set).start()  # lets the thread end
            with pytest.raises(EngineStalled, match=told):
                list(run)


def test_a_gate_without_end_is_named(tmp_path, monkeypatch):
    leaving = threading.Event()

    class Endless(Row):
        def accept(self, text, _on_repair=None):
            leaving.wait(20)
            raise Rejected("too_late")

    monkeypatch.setattr("unicorn_assets.llm.client.engine.STUCK_AFTER_S", 0.5)
    monkeypatch.setattr("unicorn_assets.llm.client.engine.LOOK_EVERY_S", 0.1)
    monkeypatch.setattr("unicorn_assets.llm.client.engine.STOP_WITHIN_S", 0.1)
    with FaultyServer() as server:
        with pytest.raises(EngineStalled, match=r"stuck at .*\.py:\d+ in \w+, with 0 requests"):
            run(tmp_path, server, [Endless(1)], patience_s=0.2)
        leaving.set()
        for thread in threading.enumerate():
            if thread.name == "llm-engine":
                thread.join(10)


def test_a_key_that_is_revoked_in_the_middle_ends_the_run_and_quarantines_nothing(tmp_path):
    with FaultyServer(lambda row, nth: "401" if row >= 30 else None) as server:
        settings, outcomes = settings_for(server.url), []
        with Journal.open(str(tmp_path)) as journal, open_endpoint(settings) as endpoint:
            with pytest.raises(ServerBroken, match="refuses the key"):
                outcomes.extend(generate(rows(200), endpoint, journal, settings))
            assert server.requests < 100
        server.fault = no_fault
        outcomes = run(tmp_path, server, rows(200))
    assert accepted(outcomes) == list(range(200))


def test_a_single_row_that_is_forbidden_does_not_end_the_run(tmp_path):
    with FaultyServer(lambda row, nth: "403" if row == 30 else None, latency=0.002) as server:
        outcomes = run(tmp_path, server, rows(200))
    assert accepted(outcomes) == [number for number in range(200) if number != 30]
    (failed,) = [outcome for outcome in outcomes if isinstance(outcome, Quarantined)]
    assert (failed.row_id, failed.reason) == ("row-30", "http_403")


def test_a_caller_that_leaves_before_the_engine_has_begun_does_not_wait(tmp_path, monkeypatch):
    begun, usual = threading.Event(), engine.Run._main

    def late(self):
        begun.wait(10)
        usual(self)

    monkeypatch.setattr(engine.Run, "_main", late)
    with FaultyServer(latency=0.01) as server:
        settings = settings_for(server.url)
        with Journal.open(str(tmp_path)) as journal, open_endpoint(settings) as endpoint:
            left = engine.Run(iter(rows(50_000)), endpoint, journal, settings, None)
            left.start()
            threading.Timer(0.2, begun.set).start()
            left.stop()
            assert not left._thread.is_alive()
        assert server.requests == 0


def test_a_pause_without_requests_is_no_fault_of_the_server(tmp_path):
    """The caller takes longer over its rows than the patience; the first failure afterwards is only a failure."""
    with FaultyServer(lambda row, nth: "503" if row == 60 and nth == 1 else None) as server:
        settings = settings_for(server.url, patience_s=0.5, concurrency=1)

        def work():
            for row in rows(61):
                if row.number == 60:
                    time.sleep(1.2)
                yield row

        with Journal.open(str(tmp_path)) as journal, open_endpoint(settings) as endpoint:
            outcomes = list(generate(work(), endpoint, journal, settings))
    assert accepted(outcomes) == list(range(61))


def test_a_journal_that_cannot_be_read_stops_the_run(tmp_path):
    blocked = tmp_path / "lake"
    blocked.mkdir()
    (blocked / "journal").write_text("a file where the folder should be")
    with FaultyServer() as server:
        with pytest.raises(JournalBroken, match="cannot be read"):
            run(blocked, server, rows(5))
        assert server.requests == 0


def test_a_disk_that_fills_up_stops_the_run(tmp_path, monkeypatch):
    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fdatasync", no_space)
    with FaultyServer() as server, pytest.raises(JournalBroken, match="No space left"):
        run(tmp_path, server, rows(500))
    assert server.requests < 100


def test_requests_carry_the_protocol(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_LLM_KEY", "secret-key")
    with FaultyServer() as server:
        server.key = "secret-key"
        run(tmp_path, server, rows(1), api_key_env="TEST_LLM_KEY")
        body, headers = server.bodies[0], server.headers[0]
    assert headers["Authorization"] == "Bearer secret-key"
    assert body["model"] == "m"
    assert body["max_tokens"] == 50
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["caption", "score"]
    assert "top_k" not in body
