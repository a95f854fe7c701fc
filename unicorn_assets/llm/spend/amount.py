"""Amounts of what a budget limits, and arithmetic with them. Values only."""

from dataclasses import dataclass
from typing import Self

from unicorn_assets.llm.settings import Budget


@dataclass(frozen=True, slots=True)
class Amount:
    """Calls, tokens (prompt and completion) and USD: what a budget limits."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: Self) -> "Amount":
        return Amount(self.calls + other.calls, self.tokens + other.tokens, self.usd + other.usd)

    def __sub__(self, other: Self) -> "Amount":
        return Amount(self.calls - other.calls, self.tokens - other.tokens, self.usd - other.usd)

    def largest(self, other: "Amount") -> "Amount":
        """Each part the larger of the two."""
        return Amount(max(self.calls, other.calls), max(self.tokens, other.tokens), max(self.usd, other.usd))


def limit_of(budget: Budget) -> Amount:
    """The budget's limits; 0 where it sets none."""
    return Amount(budget.calls or 0, budget.tokens or 0, budget.usd or 0.0)


def within(amount: Amount, limit: Amount, budget: Budget) -> bool:
    """Whether those parts that `budget` limits stay within `limit`."""
    return (
        (budget.calls is None or amount.calls <= limit.calls)
        and (budget.tokens is None or amount.tokens <= limit.tokens)
        and (budget.usd is None or amount.usd <= limit.usd * (1 + 1e-12))
    )


def capped(amount: Amount, limit: Amount, budget: Budget) -> Amount:
    """`amount`, in its limited parts no more than `limit`."""
    return Amount(
        amount.calls if budget.calls is None else min(amount.calls, limit.calls),
        amount.tokens if budget.tokens is None else min(amount.tokens, limit.tokens),
        amount.usd if budget.usd is None else min(amount.usd, limit.usd),
    )


def half(amount: Amount) -> Amount:
    """Half of each part."""
    return Amount(amount.calls // 2, amount.tokens // 2, amount.usd / 2)


def times(amount: Amount, factor: int) -> Amount:
    """Each part so many times."""
    return Amount(amount.calls * factor, amount.tokens * factor, amount.usd * factor)
