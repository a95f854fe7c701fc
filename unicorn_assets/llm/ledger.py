"""What a run used: calls, tokens, seconds, verdicts and, with a price table, money. Counts only; nothing is guessed.

Feed it the engine's events (`generate(..., on_event=ledger.observe)`). Assets turn `as_dict` into metadata.
"""

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from unicorn_assets.llm.events import Event
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.settings import Price


@dataclass(slots=True)
class Ledger:
    """Sums over a run. Tokens and seconds (of server time, added up over parallel requests) count fresh answers only;
    what came from the journal was paid for earlier and is counted apart.
    """

    calls: int = 0
    from_journal: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    journal_completion_tokens: int = 0
    seconds: float = 0.0
    retries: int = 0
    accepted: int = 0
    quarantined: int = 0
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
                self.rejected_by_reason[event.reason] += 1
            case "quarantined":
                self.quarantined += 1
                self.quarantined_by_reason[event.reason] += 1
            case "retry":
                self.retries += 1

    def _count(self, answer: Answer) -> None:
        if answer.from_journal:
            self.from_journal += 1
            self.journal_completion_tokens += answer.completion_tokens
            return
        self.calls += 1
        self.prompt_tokens += answer.prompt_tokens
        self.completion_tokens += answer.completion_tokens
        self.cached_tokens += answer.cached_tokens
        self.seconds += answer.seconds

    @property
    def drafts(self) -> int:
        """Answers that were judged, fresh or from the journal."""
        return self.calls + self.from_journal

    def cost(self, price: Price | None) -> float | None:
        """USD for the fresh answers; None without a price."""
        if price is None:
            return None
        cached = price.prompt if price.cached_prompt is None else price.cached_prompt
        fresh_prompt = self.prompt_tokens - self.cached_tokens
        return (
            fresh_prompt * price.prompt + self.cached_tokens * cached + self.completion_tokens * price.completion
        ) / 1e6

    def as_dict(self, price: Price | None = None) -> dict[str, Any]:
        """Plain values: the sums, the drafts, the cost in USD if known."""
        plain = {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)}
        plain |= {name: dict(value.most_common()) for name, value in plain.items() if isinstance(value, Counter)}
        plain |= {"drafts": self.drafts, "seconds": round(self.seconds, 3)}
        cost = self.cost(price)
        return plain if cost is None else plain | {"cost_usd": round(cost, 6)}
