"""What a process has spent, holds for its requests in flight and has claimed of the budget, under one lock.

Two hands move it: the engine's (budget.py) and a thread that writes and claims (keeper.py). Here: the state and the
questions that both ask. Neither storage nor threads.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.llm.settings import Budget
from unicorn_assets.llm.spend.amount import Amount, within
from unicorn_assets.llm.spend.records import Record


def _nothing() -> None:
    return None


@dataclass
class Claim:
    """All of it is read and written under `lock`, whose condition is told of news for the thread."""

    record: Record
    budget: Budget | None
    lock: threading.Condition = field(default_factory=threading.Condition)
    reserved: Amount = field(default_factory=Amount)  # worst case of what is in flight
    in_flight: int = 0
    window: int = 1
    granted: Amount = field(default_factory=Amount)  # claimed
    low: Amount = field(default_factory=Amount)  # where to claim more
    wanted: Amount | None = None
    denied: Amount | None = None
    dirty: bool = False  # the record has changed since it was written
    last_change: float = 0.0
    error: UserError | None = None
    answered: Callable[[], None] = _nothing  # called, from the thread, when a claim was answered
    makings: tuple[Callable[[], dict[str, Any] | None], ...] = ()  # what the record says of shards in the making

    @property
    def used(self) -> Amount:
        """What answers cost and what was lost."""
        return self.record.spent + self.record.lost

    def reserve(self, amount: Amount) -> bool:
        """Set `amount` aside if the claim leaves room; else, or when little is left, say that more is wanted."""
        assert self.budget is not None
        if self.error is not None:
            raise self.error
        need = self.used + self.reserved + amount
        if not within(need, self.granted, self.budget):
            if self.wanted is None and (self.denied is None or (not self.in_flight and self.denied != need)):
                self.want(amount)
            return False
        if self.wanted is None and not within(need, self.low, self.budget):
            self.want(amount)  # in time, so that nobody has to wait for the claim
        self.reserved += amount
        return True

    def want(self, amount: Amount) -> None:
        """Room for `amount` more is wanted."""
        self.wanted = amount
        self.lock.notify_all()

    def touch(self) -> None:
        """The record has changed."""
        self.dirty, self.last_change = True, time.monotonic()

    def to_write(self, claim: Amount) -> Record:
        """The record as it is to be written now, with `claim`."""
        with self.lock:
            self.dirty = False
            kept = claim if self.budget is not None else Amount()
            making = [row for each in self.makings if (row := each()) is not None]
            return replace(self.record, at=time.time(), claim=kept, making=making or None)
