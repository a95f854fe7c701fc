"""Further drafts: who gets one follows from what the rows' answers are worth, which hypothesis decides here."""

import math
from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.generation.rounds import SURPLUS, outcomes, shortfall, wanted_rows
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Accepted, Quarantined, Rejected
from unicorn_assets.llm.settings import Accept, Sampling
from unicorn_assets_tests.scripted import ask_by

MAX_DRAFTS = 2
SAMPLING = Sampling()


class Row:
    """Its answer number `good` is the first that passes; None: none ever does."""

    def __init__(self, number: int, good: int | None) -> None:
        self.row_id, self.good, self.told = f"r{number:03d}", good, dict[int, str | None]()

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        self.told[draft] = problem
        return ChatRequest(({"role": "user", "content": self.row_id},), SAMPLING, draft)

    def accept(self, text: str, _on_repair=None) -> int:
        if int(text) != self.good:
            raise Rejected("unlucky", f"draft {text}")
        return int(text)


class Asked:
    """Answers with the number of the draft; remembers each call's rows and how often each draft was asked."""

    def __init__(self, order=list) -> None:
        self.calls: list[list[str]] = []
        self.drafts = Counter[tuple[str, int]]()
        self.order = order

    def __call__(self, rows):
        def say(request: ChatRequest) -> str:
            self.drafts[request.messages[0]["content"], request.seed] += 1
            return str(request.seed)

        self.calls.append([row.row_id for row in rows])
        return {outcome.row_id: outcome for outcome in ask_by(say, MAX_DRAFTS, self.order)(rows)}


LUCK = st.lists(st.one_of(st.none(), st.integers(0, 7)), min_size=1, max_size=40)
SHARES = st.integers(1, 100).map(lambda percent: percent / 100)


def rows_of(luck):
    return [Row(number, good) for number, good in enumerate(luck)]


def accepted(found):
    return [row_id for row_id, outcome in found.items() if isinstance(outcome, Accepted)]


@given(LUCK, SHARES, st.integers(0, 5))
def test_the_wanted_number_is_reached_and_never_passed(luck, share, more):
    asked, rows = Asked(), rows_of(luck)
    found = outcomes(rows, asked, Accept(share=share, more_drafts=more))
    wanted = math.ceil(Fraction(str(share)) * len(luck))
    ordinary = sum(good is not None and good < MAX_DRAFTS for good in luck)
    reachable = sum(good is not None and good < MAX_DRAFTS + more for good in luck)
    assert len(accepted(found)) == max(ordinary, min(wanted, reachable))
    assert set(asked.drafts.values()) == {1}  # nothing is asked twice
    there, last = ordinary, {row_id: number for number, call in enumerate(asked.calls) for row_id in call}
    for number, call in enumerate(asked.calls[1:], 1):
        assert 0 < len(call) <= wanted - there  # nothing is asked in vain
        there += sum(isinstance(found[row_id], Accepted) for row_id in call if last[row_id] == number)
    for row in rows:
        outcome = found[row.row_id]
        assert outcome.drafts == sum(asked.drafts[row.row_id, draft] for draft in range(MAX_DRAFTS + more + 1))
        assert outcome.drafts <= MAX_DRAFTS + more
        assert outcome.tokens == 9 * outcome.drafts
        assert all(problem == (f"draft {draft - 1}" if draft else None) for draft, problem in row.told.items())


@given(LUCK, SHARES, st.randoms(use_true_random=False))
def test_the_order_of_answers_decides_nothing(luck, share, random):
    shuffled = Asked(lambda found: random.sample(found, len(found)))
    plain = Asked()
    accept = Accept(share=share, more_drafts=3)
    granted = {f"r{number:03d}": number % 3 for number in range(len(luck))}
    one, other = (outcomes(rows_of(luck), asked, accept, granted) for asked in (plain, shuffled))
    assert one == other
    assert plain.calls == shuffled.calls


@given(LUCK, SHARES)
def test_exactly_that_many_when_the_recipe_says_so(luck, share):
    rows, accept = rows_of(luck), Accept(share=share, more_drafts=2, exact=True)
    found = outcomes(rows, Asked(), accept)
    plain = outcomes(rows_of(luck), Asked(), Accept(share=share, more_drafts=2))
    wanted = wanted_rows(accept, len(rows))
    assert accepted(found) == accepted(plain)[:wanted]
    surplus = [o for o in found.values() if isinstance(o, Quarantined) and o.reason == SURPLUS]
    assert [o.row_id for o in surplus] == accepted(plain)[wanted:]
    assert all(o.raw_answer == str(plain[o.row_id].value) and o.asked == plain[o.row_id].drafts for o in surplus)


@given(LUCK, st.integers(0, 4), st.one_of(st.none(), SHARES))
def test_a_grant_is_so_many_more_drafts_than_the_row_has_had(luck, more, share):
    accept = Accept(share=share, more_drafts=2) if share else None
    before = outcomes(rows_of(luck), Asked(), accept)
    granted = {o.row_id: more for o in before.values() if isinstance(o, Quarantined)}
    asked = Asked()
    after = outcomes(rows_of(luck), asked, accept, granted)
    for number, good in enumerate(luck):
        one, other = before[f"r{number:03d}"], after[f"r{number:03d}"]
        if isinstance(one, Accepted):
            assert other == one
        elif good is not None and good < one.drafts + more:
            assert isinstance(other, Accepted)
            assert other.drafts == good + 1
        else:
            assert isinstance(other, Quarantined)
            assert other.drafts == one.drafts + more


def test_a_row_that_used_its_tokens_is_left_alone():
    rows = rows_of([5, 5])
    assert len(accepted(outcomes(rows, Asked(), Accept(share=1, more_drafts=9), max_row_tokens=10**6))) == 2
    found = outcomes(rows_of([5, 5]), Asked(), Accept(share=1, more_drafts=9), max_row_tokens=9 * 4)
    assert [outcome.drafts for outcome in found.values()] == [4, 4]


def test_a_row_whose_server_failed_waits_for_an_answer_to_that_draft():
    lost = Quarantined("r000", "http_500", "HTTP 500", "", 0, 5, "m", "k", 0.0)
    calls = []

    def attempt(rows):
        calls.append([row.row_id for row in rows])
        return {"r000": lost}

    assert outcomes(rows_of([None]), attempt, Accept(share=1), {"r000": 3}) == {"r000": lost}
    assert calls == [["r000"]]
    assert lost.asked == 1


def test_a_shard_says_what_it_lacks():
    assert shortfall(None, 10, 3) == {}
    assert shortfall(Accept(share=0.07), 100, 5) == {"wanted rows": 7, "accepted rows": 5, "short by": 2}
    assert shortfall(Accept(share=0.95), 10, 10)["short by"] == 0
