"""The hard budget: a request that could cross it is not sent, whatever other processes do, and also after kill -9.

A process claims before it spends. Its record in the lake's books says what it may have used at most; a claim is valid
once it is written and all records together, read after that, stay within the budget. Two processes that claim at the
same time see each other, so at least one withdraws. A killed process leaves its claim: what was in flight counts with
its worst case, for a server may have worked on it. Not here: the records themselves (books.py).
"""

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.llm.errors import BudgetReached
from unicorn_assets.llm.failure import Failure
from unicorn_assets.llm.request import Answer, ChatRequest
from unicorn_assets.llm.settings import Budget, Price
from unicorn_assets.llm.shaping import PLAIN, Shaper
from unicorn_assets.llm.spend.ledger import cost_usd, usd_text
from unicorn_assets.llm.spend.records import Amount, Books, Record, Shelf, new_name, total

log = logging.getLogger(__name__)

WRITE_EVERY_S = 1.0
AHEAD_S = 2.0
"""A claim covers what was used in about this time, beyond what is in flight."""
IDLE_S = 5.0
"""After so long without a request the unused part of a claim is given back."""
TEMPLATE_TOKENS = 64
"""What a chat template may add to the messages."""
LEARNT = 32
"""Answers after which the bound of prompt tokens follows what was seen instead of one token per byte."""
MARGIN = 1.25
DENSEST = 64
"""Bytes per token that no text reaches on average: usage below that is not believed."""
TRIES = 4
"""Attempts at a claim while another process, at work or ending, may give something back."""
UNKNOWN = ("timeout", "connection_lost", "answer_too_large", "not_an_answer", "server_error", "no_exchange")
"""Failures after which a server may have worked, and billed, although no answer came."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a request in flight may cost at most; `size` in bytes of its messages."""

    amount: Amount
    size: int


UNLIMITED = Held(Amount(1), 0)
"""Without a budget nothing is set aside."""


class Account:
    """One process's account in the books of a lake. `reserve` and `settle` are called by the engine's thread; a thread
    of its own writes and claims. Use it as a context manager.
    """

    def __init__(
        self, shelf: Shelf, budget: Budget | None = None, price: Price | None = None, shaper: Shaper = PLAIN
    ) -> None:
        self._books = Books(shelf)
        self._budget, self._price, self._shaper = budget, price, shaper
        self._lock = threading.Condition()
        self._record = Record(new_name(), started=time.time(), cost_usd=None if price is None else 0.0)
        self._reserved = Amount()
        self._in_flight = 0
        self._granted = self._low = self._ahead = Amount()  # claimed; where to claim more; the last step
        self._wanted: Amount | None = None
        self._denied: Amount | None = None
        self._ratio = 0.0  # most prompt tokens per byte so far
        self._seen = 0
        self._window = 1
        self._dirty = self._closing = False
        self._written = False
        self._last_claim = self._last_change = 0.0
        self._error: UserError | None = None
        self._thread: threading.Thread | None = None
        self.changed: Callable[[], None] = lambda: None
        """Called from another thread when a claim was answered; the engine sets it."""
        self.making: Callable[[], dict[str, Any] | None] = lambda: None
        """What the record says about the shard in the making."""

    def __enter__(self) -> "Account":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The engine's side

    def begin(self, window: int, changed: Callable[[], None]) -> None:
        """A run starts: `window` requests may be in flight; `changed` is called, from a thread, on news of a claim."""
        with self._lock:
            self._window, self._denied, self.changed = window, None, changed

    def end(self) -> None:
        """The run has ended; what was still in flight was cut off and counts with its worst case."""
        with self._lock:
            self._record.lost += self._reserved if self._budget is not None else Amount(self._in_flight)
            self._reserved, self._in_flight = Amount(), 0
            self._touch()
            self.changed = lambda: None

    def reserve(self, request: ChatRequest) -> Held | None:
        """Set aside what `request` may cost at most; None when that has to wait (see `denied`)."""
        if self._budget is None:
            self._in_flight += 1
            return UNLIMITED
        held = self.worst_case(request)
        with self._lock:
            if self._error is not None:
                raise self._error
            need = self._used() + self._reserved + held.amount
            if not _within(need, self._granted, self._budget):
                if self._wanted is None and (self._denied is None or (not self._in_flight and self._denied != need)):
                    self._want(held.amount)
                return None
            if self._wanted is None and not _within(need, self._low, self._budget):
                self._want(held.amount)  # in time, so that nobody has to wait for the claim
            self._reserved += held.amount
            self._in_flight += 1
        return held

    @property
    def denied(self) -> bool:
        """Whether the last request that was refused stays refused until something in flight has finished."""
        return self._wanted is None and self._denied is not None

    def settle(self, held: Held, outcome: Answer | Failure, request: ChatRequest) -> None:
        """A request has ended: the answer's own figures replace what was set aside."""
        with self._lock:
            self._in_flight -= 1
            if held is not UNLIMITED:
                self._reserved -= held.amount
            if isinstance(outcome, Answer):
                record = self._record
                record.calls += 1
                record.prompt_tokens += outcome.prompt_tokens
                record.completion_tokens += outcome.completion_tokens
                record.cached_tokens += outcome.cached_tokens
                if self._price is not None:
                    record.cost_usd = (record.cost_usd or 0.0) + self._cost_of(outcome)
                if not usage_is_known(outcome, held.size):
                    worst = self.worst_case(request).amount if held is UNLIMITED else held.amount
                    counted = Amount(0, outcome.prompt_tokens + outcome.completion_tokens, self._cost_of(outcome))
                    record.lost += (replace(worst, calls=0) - counted).largest(Amount())
                elif held.size:
                    self._seen += 1
                    self._ratio = max(self._ratio, (outcome.prompt_tokens - TEMPLATE_TOKENS) / held.size)
                self._touch()
            elif outcome.reason in UNKNOWN and not outcome.detail.startswith("cannot connect"):
                self._record.lost += self.worst_case(request).amount if held is UNLIMITED else held.amount
                self._touch()

    def _cost_of(self, answer: Answer) -> float:
        if self._price is None:
            return 0.0
        return cost_usd(self._price, answer.prompt_tokens, answer.cached_tokens, answer.completion_tokens)

    def worst_case(self, request: ChatRequest) -> Held:
        """Most that `request` may cost: its token limit, and its prompt at one token per byte or as learnt so far."""
        messages = self._shaper.messages(request)
        size = sum(len(message["content"].encode("utf-8", "replace")) for message in messages)
        learnt = self._ratio * MARGIN
        prompt = math.ceil(size * (learnt if self._seen >= LEARNT else max(1.0, learnt))) + TEMPLATE_TOKENS
        fields = request.fixed().fields
        limits = [fields.get("max_tokens"), fields.get("max_completion_tokens")]
        completion = max(limit for limit in limits if isinstance(limit, int)) * int(fields.get("n") or 1)
        usd = 0.0
        if self._price is not None:
            usd = max(cost_usd(self._price, prompt, cached, completion) for cached in (0, prompt))
        return Held(Amount(1, prompt + completion, usd), size)

    def reached(self) -> BudgetReached:
        """The error that ends a run at its budget."""
        assert self._budget is not None
        records = self._records()
        used, lost = total(records, self._price), Amount()
        for record in records:
            lost += record.uncertain
        return BudgetReached(reached_text(used, lost, self._budget), REACHED_HINT)

    @property
    def spent_usd(self) -> float | None:
        """What this process has spent, without what is in flight; None without a price."""
        return self._record.cost_usd

    @property
    def in_flight(self) -> int:
        """Requests in flight."""
        return self._in_flight

    def spent(self) -> Amount:
        """What counts against the budget, over all processes; of this one what it has used, not what it may use."""
        return total(self._records(), self._price)

    def _records(self) -> list[Record]:
        with self._lock:
            own = replace(self._record)
        return list({**self._books.records(), own.name: own}.values())

    # The books' side

    def _used(self) -> Amount:
        return self._record.spent + self._record.lost

    def _want(self, amount: Amount) -> None:
        self._wanted = amount
        self._start()
        self._lock.notify_all()

    def _touch(self) -> None:
        self._dirty = True
        self._last_change = time.monotonic()
        self._start()

    def _start(self) -> None:
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._keep, name="books", daemon=True)
            self._thread.start()

    def _keep(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._closing or self._wanted is not None, WRITE_EVERY_S)
                if self._closing:
                    return
                wanted, dirty = self._wanted, self._dirty
                idle = time.monotonic() - self._last_change > IDLE_S and not self._in_flight
                if idle and wanted is None and self._granted != self._used():
                    self._granted = self._low = self._used()
                    dirty = True
            try:
                if wanted is not None:
                    self._claim(wanted)
                elif dirty:
                    self._write(self._granted)
                continue
            except UserError as error:
                problem = error
            except Exception as error:  # any storage may fail in its own way; its words are carried on
                problem = UserError(
                    f"the books of the lake cannot be kept: {error}",
                    "mend the storage and run again: nothing is lost",
                )
            with self._lock:
                if self._error is None:
                    log.warning("%s", problem.message)
                self._error, self._wanted = problem, None
            self.changed()

    def _claim(self, wanted: Amount) -> None:
        """Enlarge the claim so that `wanted` and a little more fit, as far as all records leave room."""
        assert self._budget is not None
        now = time.monotonic()
        with self._lock:
            need = self._used() + self._reserved + wanted
            ahead, old, ago = _times(wanted, self._window), self._granted, now - self._last_claim
            if ago < 4 * AHEAD_S:  # the last step did not last: a larger one
                ahead = ahead.largest(_times(self._ahead, 2 if ago < AHEAD_S else 1))
        granted: Amount | None = None
        for attempt in range(TRIES):
            free = self._free()
            if _within(need, free, self._budget):
                target = _capped(need + ahead, free, self._budget).largest(old)
                self._write(target)
                if _within(target, self._free(), self._budget):
                    granted = target
                    break
                self._write(old)  # somebody claimed at the same moment
            elif not self._others_alive():
                break
            with self._lock:
                self._lock.wait_for(lambda: self._closing, random.uniform(0.1, 0.3) * 2**attempt)
        with self._lock:
            if granted is not None:
                self._granted, self._denied, self._ahead = granted, None, ahead
                # What others left no room for is not asked for again before it is needed.
                is_whole = _within(need + ahead, granted, self._budget)
                self._low = granted - _half(ahead) if is_whole else granted
            else:
                self._denied, self._low = need, old
            self._wanted, self._last_claim = None, time.monotonic()
        self.changed()

    def _free(self) -> Amount:
        """What all others leave of the budget."""
        assert self._budget is not None
        others = [record for name, record in self._books.records().items() if name != self._record.name]
        limit = Amount(self._budget.calls or 0, self._budget.tokens or 0, self._budget.usd or 0.0)
        return limit - total(others, self._price)

    def _others_alive(self) -> bool:
        records = self._books.records().values()
        return any(r.open and r.name != self._record.name and time.time() - r.at < 10 * WRITE_EVERY_S for r in records)

    def _write(self, claim: Amount) -> None:
        with self._lock:
            self._dirty = False
            kept = claim if self._budget is not None else Amount()
            record = replace(self._record, at=time.time(), claim=kept, making=self.making())
        self._written = True
        self._books.write(record)

    def close(self) -> None:
        """Write the final figures and end the thread; nothing is written when nothing was asked."""
        self.end()
        with self._lock:
            self._closing = True
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join()
        if self._used() == Amount() and not self._written:
            return
        try:
            self._books.write(replace(self._record, at=time.time(), open=False, claim=Amount(), making=None))
            self._books.merge()
        except Exception as error:  # any storage may fail in its own way; the claim stays, so no budget is exceeded
            log.warning("the books of the lake could not be closed: %s", error)


def usage_is_known(answer: Answer, prompt_bytes: int = 0) -> bool:
    """Whether the answer says what it cost, and that can be: no prompt is empty, no text needs less than a token for
    each DENSEST bytes.
    """
    prompt, completion = answer.prompt_tokens, answer.completion_tokens
    return prompt > 0 and prompt * DENSEST >= prompt_bytes and completion * DENSEST >= len(answer.text)


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


def _within(amount: Amount, limit: Amount, budget: Budget) -> bool:
    return (
        (budget.calls is None or amount.calls <= limit.calls)
        and (budget.tokens is None or amount.tokens <= limit.tokens)
        and (budget.usd is None or amount.usd <= limit.usd * (1 + 1e-12))
    )


def _capped(amount: Amount, limit: Amount, budget: Budget) -> Amount:
    """`amount`, in its limited parts no more than `limit`."""
    return Amount(
        amount.calls if budget.calls is None else min(amount.calls, limit.calls),
        amount.tokens if budget.tokens is None else min(amount.tokens, limit.tokens),
        amount.usd if budget.usd is None else min(amount.usd, limit.usd),
    )


def _half(amount: Amount) -> Amount:
    return Amount(amount.calls // 2, amount.tokens // 2, amount.usd / 2)


def _times(amount: Amount, factor: int) -> Amount:
    return Amount(amount.calls * factor, amount.tokens * factor, amount.usd * factor)
