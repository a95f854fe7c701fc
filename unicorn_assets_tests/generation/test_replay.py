"""The replay, which decides whether a server is started, against the engine, which then asks or does not."""

import tempfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unicorn_assets.generation.replay import all_answered
from unicorn_assets.generation.rounds import ExtraDraft
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.row import Accepted, Quarantined, Rejected, Resume
from unicorn_assets_tests.llm.client.test_engine import run
from unicorn_assets_tests.llm.faulty_server import FaultyServer
from unicorn_assets_tests.llm.rows import Row, settings_for


@pytest.fixture(scope="module")
def server():
    with FaultyServer() as server:
        yield server


class Judged(Row):
    """Refuses its first `refuse` drafts, however often it is judged."""

    def __init__(self, number: int, refuse: int) -> None:
        super().__init__(number)
        self.refuse = refuse
        self._draft = 0

    def request(self, draft, problem):
        self._draft = draft
        return super().request(draft, problem)

    def accept(self, text, _on_repair=None):
        if self._draft < self.refuse:
            raise Rejected("unlucky", "try again")
        return text


def judged(refusals, further=0):
    rows = [Judged(number, refuse) for number, refuse in enumerate(refusals)]
    return [ExtraDraft(row, refused(row, further)) for row in rows] if further else rows


def refused(row, drafts):
    return Quarantined(row.row_id, "unlucky", "", "", drafts, 1, "m", "k", 0.0, resume=Resume(drafts, "try again"))


@settings(max_examples=25)
@given(
    refusals=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    before=st.tuples(st.integers(1, 4), st.one_of(st.none(), st.integers(1, 22))),
    now=st.tuples(st.integers(1, 4), st.one_of(st.none(), st.integers(1, 22))),
    known=st.integers(0, 8),
    further=st.integers(0, 3),
)
@example(refusals=[5, 0], before=(4, 7), now=(4, 7), known=2, further=0)
@example(refusals=[5, 2], before=(1, None), now=(1, 3), known=2, further=1)
def test_no_server_is_started_exactly_when_the_engine_asks_nothing(server, refusals, before, now, known, further):
    """Answers of an earlier run, of other rows and limits, lie in the journal; five tokens each."""
    with tempfile.TemporaryDirectory() as lake:
        run(lake, server, judged(refusals[:known]), max_drafts=before[0], max_row_tokens=before[1])
        limits = {"max_drafts": now[0], "max_row_tokens": now[1]}
        with Journal.open(lake) as journal:
            said = all_answered(judged(refusals, further), journal, "m", "", settings_for(server.url, **limits))
        asked = server.requests
        outcomes = run(lake, server, judged(refusals, further), **limits)
        assert said == (server.requests == asked)
        with Journal.open(lake) as journal:
            assert all_answered(judged(refusals, further), journal, "m", "", settings_for(server.url, **limits))
    for outcome in outcomes:
        refuse, drafts = refusals[int(outcome.row_id.split("-")[1])], outcome.drafts + further
        assert isinstance(outcome, Accepted) == (drafts > refuse)
