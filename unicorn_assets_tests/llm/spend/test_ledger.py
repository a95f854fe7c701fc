"""The ledger's arithmetic, and what the engine reports to it."""

from collections import Counter
from datetime import datetime

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.llm.events import Event
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.settings import Price
from unicorn_assets.llm.spend.ledger import SUMS, Ledger, cost_usd, shard_run
from unicorn_assets_tests.llm.client.test_engine import run
from unicorn_assets_tests.llm.faulty_server import FaultyServer, completion
from unicorn_assets_tests.llm.rows import Row, rows

PRICE = Price(prompt=2.0, completion=5.0, cached_prompt=0.5)
TOKENS = st.integers(0, 10_000)


@st.composite
def answers(draw):
    prompt = draw(TOKENS)
    cached = draw(st.integers(0, prompt))
    return Answer("k", "t", "stop", prompt, draw(TOKENS), cached, 0.5, 1, "m", draw(st.booleans()))


EVENTS = st.lists(
    st.one_of(
        answers().map(lambda answer: Event("answer", answer=answer)),
        st.sampled_from([Event(kind) for kind in ("accepted", "retry", "failed", "repaired", "slowed", "left")]),
        st.sampled_from(["too_short", "not_json"]).map(lambda reason: Event("rejected", reason=reason)),
        st.sampled_from(["timeout", "too_short"]).map(lambda reason: Event("quarantined", reason=reason)),
    )
)


def ledger_of(events):
    ledger = Ledger()
    for event in events:
        ledger.observe(event)
    return ledger


@given(EVENTS, st.integers(0, 40))
def test_sums_do_not_depend_on_how_a_run_is_cut(events, cut):
    whole, parts = ledger_of(events), ledger_of(events[:cut])
    parts.add(ledger_of(events[cut:]))
    assert all(getattr(parts, name) == pytest.approx(getattr(whole, name)) for name in SUMS)
    assert parts.cost(PRICE) == pytest.approx(whole.cost(PRICE))


@given(EVENTS)
def test_only_fresh_answers_cost_and_every_draft_is_counted(events):
    ledger = ledger_of(events)
    fresh = [event.answer for event in events if event.answer is not None and not event.answer.from_journal]
    each = [cost_usd(PRICE, one.prompt_tokens, one.cached_tokens, one.completion_tokens) for one in fresh]
    assert ledger.cost(PRICE) == pytest.approx(sum(each))
    assert all(cost >= 0 for cost in each)
    assert ledger.calls == len(fresh)
    counted = Counter(event.kind for event in events)
    assert ledger.drafts == counted["answer"]
    assert ledger.attempts == ledger.calls + counted["retry"] + counted["failed"]
    plain = ledger.as_dict(PRICE)
    assert sum(plain["rejected_by_reason"].values()) == plain["rejected"] == counted["rejected"]
    assert sum(plain["quarantined_by_reason"].values()) == plain["quarantined"] == counted["quarantined"]
    assert plain["repaired"] == counted["repaired"]
    assert ledger.cost(None) is None
    assert "cost_usd" not in ledger.as_dict()


def test_cached_tokens_cost_as_much_as_others_unless_the_price_says_so():
    assert cost_usd(Price(prompt=1, completion=0), 1000, 400, 7) == pytest.approx(1000e-6)
    assert cost_usd(Price(prompt=1, completion=0, cached_prompt=0), 1000, 400, 7) == pytest.approx(600e-6)


class Sloppy(FaultyServer):
    """Every third row's JSON has a comma too many; row 7 is beyond repair, row 9 is down once."""

    async def _answer(self, request, row, fault):
        if row == 7:
            return web.json_response(completion("no JSON at all"))
        if row == 9 and self.asked[row] == 1:
            return web.json_response({"error": {}}, status=500)
        comma = "," if row % 3 == 0 else ""
        return web.json_response(completion(f'{{"caption": "caption {row}", "score": 3{comma}}}'))


def test_repairs_retries_and_failures_are_counted_and_again_from_the_journal(tmp_path):
    with Sloppy() as server:
        first, again = Ledger(), Ledger()
        run(tmp_path, server, rows(30), first.observe, max_drafts=2)
        assert (first.repaired, first.accepted, first.rejected, first.quarantined) == (10, 29, 2, 1)
        assert (first.calls, first.attempts, first.retries, first.from_journal) == (31, 32, 1, 0)
        assert server.requests == first.attempts
        run(tmp_path, server, rows(30), again.observe, max_drafts=2)
        assert server.requests == first.attempts
        assert (again.repaired, again.calls, again.attempts, again.from_journal) == (10, 0, 0, 31)
        assert again.cost(PRICE) == 0
        assert (again.journal_prompt_tokens, again.journal_completion_tokens) == (31 * 7, 31 * 5)


def test_an_attempt_that_is_not_made_again_is_an_attempt(tmp_path):
    with FaultyServer(lambda row, nth: "400" if row == 3 else None) as server:
        ledger = Ledger()
        run(tmp_path, server, rows(10), ledger.observe)
        assert (ledger.calls, ledger.attempts, ledger.retries) == (9, 10, 0)
        assert server.requests == 10


def test_rows_with_the_same_question_are_paid_for_once(tmp_path):
    with FaultyServer(latency=0.02) as server:
        ledger = Ledger()
        twins = [Row(number % 5, name=f"twin{number}") for number in range(20)]
        run(tmp_path, server, twins, ledger.observe)
        assert server.requests == 5
        assert (ledger.calls, ledger.from_journal, ledger.accepted) == (5, 15, 20)


def test_a_making_leaves_its_row_however_it_ends_and_none_when_it_asked_nothing():
    kept = []
    with shard_run("caption_drafts", "a-00000", kept.append) as current:
        current.price, current.model = PRICE, "m"
        current.ledgers += [Ledger(calls=2, prompt_tokens=100), Ledger(calls=1, completion_tokens=10)]
    with pytest.raises(RuntimeError), shard_run("caption_drafts", "a-00001", kept.append) as current:  # noqa: PT012
        current.ledgers.append(Ledger(calls=5))
        raise RuntimeError
    with shard_run("caption_drafts", "a-00002", kept.append):
        pass
    assert [(row["shard"], row["state"], row["calls"]) for row in kept] == [
        ("a-00000", "finished", 3), ("a-00001", "stopped", 5),
    ]  # fmt: skip
    assert kept[0]["cost_usd"] == pytest.approx((100 * 2 + 10 * 5) / 1e6)
    assert kept[1]["cost_usd"] is None
    assert isinstance(kept[0]["started"], datetime)
