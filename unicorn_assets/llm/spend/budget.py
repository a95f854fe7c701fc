"""The hard budget: a request that could cross it is not sent, whatever other processes do, and also after kill -9.

A process claims before it spends. Its record in the lake says what it may have used at most. A killed process leaves
its claim: what was in flight counts with its worst case, for a server may have worked on it. Here: what the engine does
with it. Not here: how a claim is made (keeper.py), the records themselves (records.py).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from unicorn_assets.llm.errors import BudgetReached
from unicorn_assets.llm.failure import Failure
from unicorn_assets.llm.request import Answer, ChatRequest
from unicorn_assets.llm.settings import Budget, OwnBudget, Price
from unicorn_assets.llm.shaping import PLAIN, Shaper
from unicorn_assets.llm.spend.amount import Amount, limit_of, within
from unicorn_assets.llm.spend.claim import Claim
from unicorn_assets.llm.spend.estimate import Estimate, Held, usage_is_known
from unicorn_assets.llm.spend.keeper import ClaimKeeper
from unicorn_assets.llm.spend.ledger import usd_text
from unicorn_assets.llm.spend.records import FOLDER, OWN, Record, SpendRecords, Storage, new_name, total

log = logging.getLogger(__name__)

UNKNOWN = ("timeout", "connection_lost", "answer_too_large", "not_an_answer", "server_error", "no_exchange")
"""Failures after which a server may have worked, and billed, although no answer came."""

UNLIMITED = Held(Amount(1), 0)
"""Without a budget nothing is set aside."""


class Account:
    """One process's account among the records of a lake. `reserve` and `settle` are called by the engine's thread; a
    thread of its own writes and claims. Use it as a context manager.
    """

    def __init__(
        self,
        storage: Storage,
        budget: Budget | None = None,
        price: Price | None = None,
        shaper: Shaper = PLAIN,
        folder: str = FOLDER,
    ) -> None:
        self._storage, self._records = storage, SpendRecords(storage, folder)
        self._budget, self._price, self._shaper = budget, price, shaper
        self._estimate = Estimate(price, shaper)
        record = Record(new_name(), started=time.time(), cost_usd=None if price is None else 0.0)
        self._claim = Claim(record, budget)
        self._keeper = ClaimKeeper(self._claim, self._records, price)
        self._own: dict[OwnBudget, Account] = {}
        self._opening = threading.Lock()
        self.is_over = False
        """Whether a request found no room. Of a kind's own budget nothing is asked any more then, however small."""

    def __enter__(self) -> "Account":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def charged_to(self, making: Callable[[], dict[str, Any] | None]) -> Iterator[None]:
        """Meanwhile the record says what `making` gives of a shard in the making (columns of the table `ledger`)."""
        claim = self._claim
        with claim.lock:
            claim.makings = (*claim.makings, making)
        try:
            yield
        finally:
            with claim.lock:
                claim.makings = tuple(each for each in claim.makings if each is not making)

    def own(self, budget: OwnBudget) -> "Account":
        """The account of a kind of request with a budget of its own; it is closed with this one."""
        with self._opening:
            if budget not in self._own:
                folder = f"{OWN}/{budget.name}"
                self._own[budget] = Account(self._storage, budget.limits, self._price, self._shaper, folder)
            return self._own[budget]

    def has_room(self, request: ChatRequest) -> bool:
        """Whether all records leave room for `request`; without a claim, for those who only want to know."""
        if not self.is_over and self._budget is not None:
            need = self.spent() + self.worst_case(request).amount
            self.is_over = not within(need, limit_of(self._budget), self._budget)
        return not self.is_over

    def begin(self, window: int, answered: Callable[[], None]) -> None:
        """A run starts: `window` requests may be in flight; `answered` is called, from a thread, on news of a claim."""
        with self._claim.lock:
            self._claim.window, self._claim.denied, self._claim.answered = window, None, answered

    def end(self) -> None:
        """The run has ended; what was still in flight was cut off and counts with its worst case."""
        claim = self._claim
        with claim.lock:
            claim.record.lost += claim.reserved if self._budget is not None else Amount(claim.in_flight)
            claim.reserved, claim.in_flight = Amount(), 0
            self._touch()
            claim.answered = lambda: None

    def reserve(self, request: ChatRequest) -> Held | None:
        """Set aside what `request` may cost at most; None when that has to wait (see `denied`)."""
        if self._budget is None:
            self._claim.in_flight += 1
            return UNLIMITED
        held = self.worst_case(request)
        with self._claim.lock:
            has_room = self._claim.reserve(held.amount)
            if self._claim.wanted is not None:
                self._keeper.start()
            if not has_room:
                return None
            self._claim.in_flight += 1
        return held

    def release(self, held: Held) -> None:
        """What was set aside for a request that is not sent."""
        claim = self._claim
        with claim.lock:
            claim.in_flight -= 1
            if held is not UNLIMITED:
                claim.reserved -= held.amount

    @property
    def denied(self) -> bool:
        """Whether the last request that was refused stays refused until something in flight has finished."""
        return self._claim.wanted is None and self._claim.denied is not None

    def settle(self, held: Held, outcome: Answer | Failure, request: ChatRequest) -> None:
        """A request has ended: the answer's own figures replace what was set aside."""
        claim = self._claim
        with claim.lock:
            self.release(held)
            if isinstance(outcome, Answer):
                self._count(outcome, held, request)
            elif outcome.reason in UNKNOWN and not outcome.detail.startswith("cannot connect"):
                claim.record.lost += self._at_most(held, request)
                self._touch()

    def _count(self, answer: Answer, held: Held, request: ChatRequest) -> None:
        record = self._claim.record
        record.calls += 1
        record.prompt_tokens += answer.prompt_tokens
        record.completion_tokens += answer.completion_tokens
        record.cached_tokens += answer.cached_tokens
        if self._price is not None:
            record.cost_usd = (record.cost_usd or 0.0) + self._estimate.cost_of(answer)
        if not usage_is_known(answer, held.size):
            counted = Amount(0, answer.prompt_tokens + answer.completion_tokens, self._estimate.cost_of(answer))
            record.lost += (replace(self._at_most(held, request), calls=0) - counted).largest(Amount())
        elif held.size:
            self._estimate.learn(answer, held.size)
        self._touch()

    def _at_most(self, held: Held, request: ChatRequest) -> Amount:
        return self.worst_case(request).amount if held is UNLIMITED else held.amount

    def _touch(self) -> None:
        self._claim.touch()
        self._keeper.start()

    def worst_case(self, request: ChatRequest) -> Held:
        """Most that `request` may cost."""
        return self._estimate.worst_case(request)

    def reached(self) -> BudgetReached:
        """The error that ends a run at its budget."""
        assert self._budget is not None
        records = self._all()
        used, lost = total(records, self._price), Amount()
        for record in records:
            lost += record.uncertain
        return BudgetReached(reached_text(used, lost, self._budget), REACHED_HINT)

    @property
    def spent_usd(self) -> float | None:
        """What this process has spent, without what is in flight; None without a price."""
        return self._claim.record.cost_usd

    @property
    def in_flight(self) -> int:
        """Requests in flight."""
        return self._claim.in_flight

    def spent(self) -> Amount:
        """What counts against the budget, over all processes; of this one what it has used, not what it may use."""
        return total(self._all(), self._price)

    def _all(self) -> list[Record]:
        with self._claim.lock:
            own = replace(self._claim.record)
        return list({**self._records.records(), own.name: own}.values())

    def close(self) -> None:
        """Write the final figures and end the thread; nothing is written when nothing was asked."""
        for each in self._own.values():
            each.close()
        self.end()
        self._keeper.stop()
        if self._claim.used == Amount() and not self._keeper.has_written:
            return
        try:
            last = replace(self._claim.record, at=time.time(), open=False, claim=Amount(), making=None)
            self._records.write(last)
            self._records.merge()
        except Exception as error:  # any storage may fail in its own way; the claim stays, so no budget is exceeded
            log.warning("the books of the lake could not be closed: %s", error)


REACHED_HINT = "raise llm.budget in the recipe and run again: every finished answer is kept and is not asked again."


def reached_text(used: Amount, uncertain: Amount, budget: Budget) -> str:
    """One line: what was used, of which budget."""
    parts = []
    for limit, value, maybe, shown in (
        (budget.usd, used.usd, uncertain.usd, lambda usd: f"{usd_text(usd)} USD"),
        (budget.tokens, used.tokens, uncertain.tokens, "{:,} tokens".format),
        (budget.calls, used.calls, uncertain.calls, "{:,} calls".format),
    ):
        if limit is not None:
            unsure = f" (of them up to {shown(maybe)} for answers that were lost or had no usage)"
            parts.append(f"{shown(value)} of {shown(limit)}{unsure if shown(maybe) != shown(0) else ''}")
    return f"the next request could cross llm.budget: used {', '.join(parts)} over all runs of this lake"
