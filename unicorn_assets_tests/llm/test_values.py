"""Keys, bodies, answers, limiter, breaker, ledger: arithmetic without network."""

import datetime
import email.utils
import json
from copy import deepcopy
from dataclasses import replace
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.llm.client.breaker import Breaker
from unicorn_assets.llm.client.limiter import APART, CATCH_UP_S, MOST_APART_S, Limiter
from unicorn_assets.llm.client.wire import NotAnAnswer, to_answer, to_body
from unicorn_assets.llm.events import Event
from unicorn_assets.llm.failure import parse_retry_after
from unicorn_assets.llm.journal.blocks import decode_line, encode_line
from unicorn_assets.llm.request import Answer, ChatRequest, Schema
from unicorn_assets.llm.server_text import server_message
from unicorn_assets.llm.settings import Price, Sampling, Wire
from unicorn_assets.llm.spend.ledger import Ledger

BASE = {
    "messages": ({"role": "user", "content": "hello"},),
    "sampling": Sampling(),
    "seed": 1,
    "schema": {"type": "object"},
    "prompt_version": "a",
}


@pytest.mark.parametrize(
    "change",
    [
        {"messages": ({"role": "user", "content": "hello "},)},
        {"messages": ({"role": "system", "content": "hello"},)},
        {"sampling": Sampling(temperature=0.71)},
        {"sampling": Sampling(extra={"chat_template_kwargs": {"thinking": False}})},
        {"seed": 2},
        {"schema": None},
        {"schema": {"type": "array"}},
        {"prompt_version": "b"},
    ],
)
def test_whatever_determines_the_answer_changes_the_key(change):
    assert ChatRequest(**BASE).key("m", "r") != ChatRequest(**(BASE | change)).key("m", "r")


def test_the_key_depends_on_model_and_revision_and_stays_the_same_for_ever():
    request = ChatRequest(**BASE)
    assert len({request.key("m", "r"), request.key("m2", "r"), request.key("m", "r2")}) == 3
    # A key that changes makes every stored answer unfindable.
    assert request.key("m", "r") == "694a1b4b4497c8d57b0e0f6f7573e5e7"


def test_fresh_but_equal_settings_make_the_same_key():
    keys = {
        ChatRequest(**(BASE | {"sampling": Sampling(), "schema": {"type": "object"}})).key("m", "r") for _ in range(200)
    }
    assert len(keys) == 1


def test_equal_schemas_are_hashed_once_and_what_only_python_takes_for_equal_is_not():
    one, other = (ChatRequest(**(BASE | {"schema": Schema({"const": 1})})) for _ in range(2))
    assert one.fixed() is other.fixed()
    floats, words = ({"sampling": Sampling(extra={"x": value})} for value in (1.0, True))
    different = [one, ChatRequest(**(BASE | {"schema": Schema({"const": True})}))]
    different += [ChatRequest(**(BASE | change)) for change in (floats, words)]
    assert len({request.fixed() for request in different}) == len({r.key("m", "r") for r in different}) == 4


def test_who_copies_a_schema_may_change_the_copy():
    schema = Schema({"properties": {"a": {}}})
    before = schema.text
    copied = deepcopy(schema)
    copied["properties"]["b"] = {}
    assert (schema.text, type(copied)) == (before, dict)


def test_half_a_surrogate_pair_is_sent_and_hashed():
    request = ChatRequest(**(BASE | {"messages": ({"role": "user", "content": "a \ud83d b"},)}))
    assert b"a ? b" in to_body(request, "m")
    assert request.key("m", "r")


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"<html>", b"null", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": null}]}', b"\xff\xfe",
        b'{"choices": [{"message": {"content": 5}}]}', b'{"choices": [{"message": {"content": {"text": "a"}}}]}',
        b'{"choices": [{"message": {"content": "a"}}', b'{"error": {"message": "x"}}', b'{"choices":' + b"[" * 200_000,
        b'{"choices": [{"message": {"content": "a"}, "finish_reason": "error"}]}', b"[" * 90_000 + b'"\\ud83d',
    ],
)  # fmt: skip
def test_what_is_no_answer_is_recognised(raw):
    with pytest.raises(NotAnAnswer):
        to_answer(raw, "k", "m", 1.0, 1)


USAGES = [
    "{}", "null", "3", '"many"', "[]", '[{"prompt_tokens": 9, "completion_tokens": 9}]', "{P: 0, C: 0}",
    "{P: NaN, C: 9}", "{P: 1e999, C: 9}", "{P: 9, C: Infinity}", "{P: -Infinity, C: 9}", "{P: -1, C: 9}",
    "{P: null, C: 9}", "{P: 9, C: -9}",
    "{P: 2147483648, C: 9}", "{P: 9, C: 1" + "0" * 30 + "}", '{P: "9", C: 9}', "{P: 9, C: [9]}", "{P: true, C: 9}",
    "{P: 9.5, C: 9}", "{P: 9}",
]  # fmt: skip


@pytest.mark.parametrize("usage", USAGES)
def test_usage_that_cannot_be_is_not_believed_and_the_answer_counts(usage):
    usage = usage.replace("P", '"prompt_tokens"').replace("C", '"completion_tokens"')
    answer = to_answer(b'{"choices": [{"message": {"content": "a"}}], "usage": %s}' % usage.encode(), "k", "m", 1.0, 1)
    assert (answer.text, answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens) == ("a", 0, 0, 0)
    assert decode_line("k", encode_line(answer)) == replace(answer, from_journal=True)


def test_usage_as_servers_write_it():
    usage = b'{"prompt_tokens": 60.0, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": -1}}'
    answer = to_answer(b'{"choices": [{"message": {"content": "a"}}], "usage": %s}' % usage, "k", "m", 1.0, 1)
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens) == (60, 0, 0)


def test_counts_of_an_old_journal_that_cannot_be_are_nothing():
    line = json.dumps(["a", "stop", 10**30, -4, None, 0.5, 1, "m"]).encode()
    answer = decode_line("k", line)
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens) == (0, 0, 0)


@pytest.mark.parametrize(
    ("message", "finish", "text", "reason"),
    [
        (
            {"content": [{"type": "text", "text": "A dog "}, {"type": "text", "text": "sits."}]},
            "stop",
            "A dog sits.",
            "stop",
        ),
        (
            {"content": [{"type": "thinking", "thinking": [{"text": "x"}]}, {"type": "text", "text": "A"}]},
            "stop",
            "A",
            "stop",
        ),
        ({"content": ["A ", {"text": "dog"}, {"type": "image_url"}, 5]}, None, "A dog", ""),
        ({"content": [{"type": "refusal", "refusal": "No."}]}, "stop", "No.", "refusal"),
        ({"content": [{"type": "thinking", "thinking": "x"}]}, "length", "", "only_reasoning"),
        ({"content": [], "reasoning": "x"}, "stop", "x", "only_reasoning"),
        ({"content": None, "refusal": "I can't help with that."}, "stop", "I can't help with that.", "refusal"),
        ({"content": "A dog", "refusal": None}, "stop", "A dog", "stop"),
        ({"content": None, "reasoning_content": "I think"}, "length", "I think", "only_reasoning"),
        ({"content": "A dog", "reasoning_content": "I think"}, "stop", "A dog", "stop"),
        ({"content": None}, "content_filter", "", "content_filter"),
        ({"content": None, "tool_calls": [{"id": "c"}]}, "stop", '[{"id":"c"}]', "tool_calls"),
        ({}, "stop", "", "stop"),
        ({"content": "half \ud83d"}, "stop", "half \ud83d", "stop"),
    ],
)
def test_what_a_message_says(message, finish, text, reason):
    raw = json.dumps({"choices": [{"message": message, "finish_reason": finish}]}).encode()
    answer = to_answer(raw, "k", "m", 1.0, 1)
    assert (answer.text, answer.finish_reason) == (text, reason)
    assert decode_line("k", encode_line(answer)).text == text


def test_a_key_that_a_server_says_in_its_answer_is_not_kept(monkeypatch):
    monkeypatch.setenv("STRANGE_API_KEY", "sk-said-aloud-1f77")
    raw = json.dumps({"choices": [{"message": {"content": "You sent Bearer sk-said-aloud-1f77, a key."}}]}).encode()
    assert to_answer(raw, "k", "m", 1.0, 1).text == "You sent Bearer ***, a key."


def test_an_answer_without_content_is_an_empty_answer():
    answer = to_answer(b'{"choices": [{"message": {"content": null}, "finish_reason": "length"}]}', "k", "m", 1.0, 2)
    assert (answer.text, answer.cut_off, answer.completion_tokens, answer.attempts) == ("", True, 0, 2)


@given(st.binary(max_size=200))
def test_error_bodies_of_any_kind_give_one_line(raw):
    assert "\n" not in server_message(raw)


def test_retry_after():
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60)
    assert parse_retry_after("2.5") == 2.5
    assert 50 < parse_retry_after(email.utils.format_datetime(later)) < 70
    assert [parse_retry_after(text) for text in (None, "soon", "")] == [None, None, None]
    assert parse_retry_after("-3") == 0


def test_pace_ignores_single_faults_and_halves_on_many():
    limiter = Limiter(64)
    for step in range(1000):
        assert not limiter.on_overload(step, 0.05) if step % 100 == 0 else limiter.on_good(step, 0.05) is None
    assert limiter.limit == 64
    halved = [limiter.on_overload(2000.0, 0.05) for _ in range(64)]
    assert sum(halved) == 1  # the whole window failed at once: one event
    assert limiter.limit == 32
    for _ in range(5000):
        limiter.on_good(3000.0, 0.05)
    assert limiter.limit == 64


def test_pace_obeys_retry_after_when_it_halves():
    limiter = Limiter(8)
    limiter.on_overload(10.0, 0.1, 5.0)
    assert limiter.paused_until == 0
    assert limiter.on_overload(10.0, 0.1, 5.0)
    assert limiter.paused_until == 15.0


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=300), st.integers(1, 100))
def test_pace_stays_between_one_and_the_ceiling(history, ceiling):
    limiter, now = Limiter(ceiling), 0.0
    for good, pause in history:
        now += pause
        limiter.on_good(now, pause) if good else limiter.on_overload(now, pause, pause)
        assert 1 <= limiter.limit <= ceiling


def starts(limiter: Limiter, times: list[float]) -> list[float]:
    """When requests go out that are wanted at these times."""
    found = []
    for wanted in times:
        found.append(max(wanted, limiter.next_start))
        limiter.on_start(found[-1])
    return found


def test_the_first_window_goes_out_at_once():
    assert starts(Limiter(64), [5.0] * 64) == [5.0] * 64


def test_requests_wanted_together_go_out_apart_once_the_servers_time_is_known():
    limiter = Limiter(64)
    for _ in range(64):
        limiter.on_good(1.0, 0.064)  # an answer each millisecond
    found = starts(limiter, [5.0] * 64)
    # After a pause a few go out at once, as many as fit into what may be made up for.
    assert sum(one == 5.0 for one in found) <= CATCH_UP_S / (APART * 0.001) + 2
    gaps = [later - sooner for sooner, later in pairwise(found)][5:]
    assert gaps == pytest.approx([APART * 0.001] * len(gaps))


@given(st.lists(st.floats(0, 0.01), min_size=2, max_size=200), st.floats(0.001, 100), st.integers(1, 256))
def test_nothing_waits_long_and_the_rate_can_always_grow(waits, seconds, limit):
    limiter = Limiter(limit)
    limiter.on_good(0.0, seconds)
    wanted = list(accumulate(waits))
    for before, after in zip(wanted, starts(limiter, wanted), strict=True):
        assert after - before <= MOST_APART_S * len(waits)
    found = starts(limiter, [wanted[-1]] * 1000)
    assert found[-1] - found[0] <= 1000 * min(MOST_APART_S, APART * seconds / limit) + 1e-6


def test_breaker_forgives_a_share_of_failures_and_a_pause():
    breaker = Breaker(patience=60, start=0)
    for now in range(1000):
        (breaker.on_good(now) if now % 3 == 0 else breaker.on_failure("http_500", "HTTP 500", now))
        assert not breaker.broken(now)
    assert not breaker.broken(1050)
    breaker.on_failure("timeout", "no answer", 1050)
    assert breaker.broken(1060)
    assert "timeout x1" in breaker.verdict(1060)


def test_breaker_opens_when_four_fifths_fail_for_long():
    breaker = Breaker(patience=60, start=0)
    opened = None
    for step in range(2000):
        now = step / 10
        (breaker.on_good(now) if step % 10 == 0 else breaker.on_failure("http_500", "HTTP 500", now))
        if opened is None and step % 10 and breaker.broken(now):
            opened = now
    assert opened is not None
    assert 60 <= opened < 70


def test_breaker_opens_early_when_nothing_ever_worked():
    errors, refusals = Breaker(60, 0), Breaker(60, 0)
    for step in range(25):
        errors.on_failure("http_500", "HTTP 500", step / 10)
        refusals.on_failure("bad_request", "HTTP 400", step / 100, refusal=True)
    assert not errors.broken(2.5)
    assert errors.broken(10)
    assert refusals.broken(0.25)


def test_ledger_counts_and_prices():
    ledger = Ledger()
    fresh = Answer("k", "t", "stop", 1000, 500, 400, 2.0, 1, "m")
    ledger.observe(Event("answer", answer=fresh))
    ledger.observe(Event("rejected", reason="too_short", answer=fresh))
    ledger.observe(Event("answer", answer=Answer("k", "t", "stop", 9, 9, 9, 9.0, 1, "m", from_journal=True)))
    ledger.observe(Event("accepted"))
    ledger.observe(Event("quarantined", reason="timeout"))
    ledger.observe(Event("retry"))
    counts = ledger.as_dict(Price(prompt=1.0, completion=2.0, cached_prompt=0.1))
    assert counts["cost_usd"] == pytest.approx((600 * 1.0 + 400 * 0.1 + 500 * 2.0) / 1e6)
    assert (counts["calls"], counts["from_journal"], counts["drafts"], counts["retries"]) == (1, 1, 2, 1)
    assert counts["rejected_by_reason"] == {"too_short": 1}
    assert counts["quarantined_by_reason"] == {"timeout": 1}
    assert "cost_usd" not in ledger.as_dict()


@pytest.mark.parametrize(
    ("wire", "concerns_all", "concerns_json"),
    [
        ({}, False, False),
        ({"rename": {"max_tokens": "max_completion_tokens"}}, False, False),
        ({"response_format": "none"}, False, True),
        ({"schema_omit": ("maxLength",)}, False, True),
        ({"system": "first_turn"}, False, False),  # no turn of the system here
        ({"omit": ("seed",)}, True, True),
    ],
)
def test_the_wire_enters_the_keys_of_requests_that_it_changes(wire, concerns_all, concerns_json):
    revision = Wire(**wire).marked("r")
    free, bound = ChatRequest(**(BASE | {"schema": None})), ChatRequest(**BASE)
    assert (free.key("m", revision) != free.key("m", "r")) is concerns_all
    assert (bound.key("m", revision) != bound.key("m", "r")) is concerns_json
    system = ChatRequest(**(BASE | {"messages": ({"role": "system", "content": "x"}, *BASE["messages"])}))
    assert (system.key("m", revision) != system.key("m", "r")) is bool(wire.get("system") or concerns_json)
