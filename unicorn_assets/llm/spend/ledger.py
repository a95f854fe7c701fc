"""What was used: calls, tokens, seconds, verdicts and, with a price table, money. Counts only; nothing is guessed.

Feed a Ledger the engine's events (`generate(..., on_event=ledger.observe)`). Assets turn `as_dict` into metadata, the
lake keeps `ShardRun.row` as its table `ledger`. Not here: what may be used (budget.py).
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from unicorn_assets.llm.events import Event
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import NOT_ASKED
from unicorn_assets.llm.settings import Price


def cost_usd(price: Price, prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> float:
    """USD for tokens; `cached_tokens` are part of `prompt_tokens`, and cost the same unless the price knows better."""
    cached = price.prompt if price.cached_prompt is None else price.cached_prompt
    cached_tokens = min(cached_tokens, prompt_tokens)  # some servers count them apart
    fresh = prompt_tokens - cached_tokens
    return (fresh * price.prompt + cached_tokens * cached + completion_tokens * price.completion) / 1e6


def usd_text(usd: float, digits: int = 6) -> str:
    """USD for people, without the unit: what rounding leaves of nothing is 0, and no sum is negative."""
    return f"{usd:,.{digits}g}" if usd >= 1e-9 else "0"


@dataclass(slots=True)
class Ledger:
    """Sums over a run. Tokens and seconds (of server time, added up over parallel requests) count fresh answers only;
    what came from the journal was paid for earlier and is counted apart. `attempts` are HTTP requests, `retries` those
    that were sent again, `repaired` answers whose JSON had to be mended before it could be read. `not_asked` are rows
    that a budget of their own left no room for; they are no quarantined ones.
    """

    calls: int = 0
    attempts: int = 0
    retries: int = 0
    from_journal: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    journal_prompt_tokens: int = 0
    journal_completion_tokens: int = 0
    seconds: float = 0.0
    accepted: int = 0
    rejected: int = 0
    quarantined: int = 0
    repaired: int = 0
    not_asked: int = 0
    rejected_by_reason: Counter[str] = field(default_factory=Counter)
    quarantined_by_reason: Counter[str] = field(default_factory=Counter)

    def observe(self, event: Event) -> None:
        """Count one event of the engine."""
        match event.kind:
            case "answer" if event.answer is not None:
                self._count(event.answer)
            case "accepted":
                self.accepted += 1
            case "rejected":
                self.rejected += 1
                self.rejected_by_reason[event.reason] += 1
            case "quarantined" if event.reason == NOT_ASKED:
                self.not_asked += 1
            case "quarantined":
                self.quarantined += 1
                self.quarantined_by_reason[event.reason] += 1
            case "retry":
                self.attempts += 1
                self.retries += 1
            case "failed":
                self.attempts += 1
            case "repaired":
                self.repaired += 1
            case "taken_up" if event.reason:
                self.quarantined -= 1
                self.quarantined_by_reason -= Counter({event.reason: 1})
            case "taken_up":
                self.accepted -= 1

    def _count(self, answer: Answer) -> None:
        if answer.from_journal:
            self.from_journal += 1
            self.journal_prompt_tokens += answer.prompt_tokens
            self.journal_completion_tokens += answer.completion_tokens
            return
        self.calls += 1
        self.attempts += 1
        self.prompt_tokens += answer.prompt_tokens
        self.completion_tokens += answer.completion_tokens
        self.cached_tokens += answer.cached_tokens
        self.seconds += answer.seconds

    def add(self, other: "Ledger") -> None:
        """Add another ledger's sums, without the reasons."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def drafts(self) -> int:
        """Answers that were judged, fresh or from the journal."""
        return self.calls + self.from_journal

    def cost(self, price: Price | None) -> float | None:
        """USD for the fresh answers; None without a price."""
        if price is None:
            return None
        return cost_usd(price, self.prompt_tokens, self.cached_tokens, self.completion_tokens)

    def as_dict(self, price: Price | None = None) -> dict[str, Any]:
        """Plain values: the sums, the drafts, the cost in USD if known."""
        plain = {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)}
        plain |= {name: dict(value.most_common()) for name, value in plain.items() if isinstance(value, Counter)}
        plain |= {"drafts": self.drafts, "seconds": round(self.seconds, 3)}
        if not self.not_asked:  # most recipes have no such budget
            del plain["not_asked"]
        cost = self.cost(price)
        return plain if cost is None else plain | {"cost_usd": round(cost, 6)}


SUMS = tuple(entry.name for entry in dataclasses.fields(Ledger) if not entry.name.endswith("_by_reason"))


@dataclass
class ShardRun:
    """One making of one shard of an asset, and the ledgers of everything that was asked for it."""

    asset: str
    shard: str
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    price: Price | None = None
    model: str = ""
    ledgers: list[Ledger] = field(default_factory=list)

    def row(self, state: str = "running") -> dict[str, Any]:
        """A row of the lake's table `ledger`; `state` says how the making ended. Any thread may ask."""
        total = Ledger()
        for ledger in list(self.ledgers):
            total.add(ledger)
        return {
            "asset": self.asset, "shard": self.shard, "state": state, "model": self.model,
            "started": self.started, "ended": datetime.now(UTC), "cost_usd": total.cost(self.price),
            **{name: getattr(total, name) for name in SUMS},
        }  # fmt: skip


@contextmanager
def shard_run(asset: str, shard: str, keep: Callable[[dict[str, Any]], None]) -> Iterator[ShardRun]:
    """While a shard is made: who asks the LLM for it adds a ledger. The row goes to `keep` at the end, also when the
    making fails; one that asked nothing leaves no row.
    """
    run, state = ShardRun(asset, shard), "stopped"
    try:
        yield run
        state = "finished"
    finally:
        if run.ledgers:
            keep(run.row(state))
