"""The accounts that requests go on: the run's, which everything goes on, and those of rows with a budget of their own.

A request is sent when every account of its has room. Where a row's own has none and never will, the row is not asked.
Here: which accounts, and what their answers mean together. Not here: one account (spend/budget.py), what then becomes
of the row (core.py).
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

from unicorn_assets.llm.client.job import Job
from unicorn_assets.llm.failure import Failure
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import Draftable
from unicorn_assets.llm.settings import OwnBudget
from unicorn_assets.llm.spend.budget import Account
from unicorn_assets.llm.spend.estimate import Held


class Room(Enum):
    """Whether a request may be sent. `FOR_IT`: yes, and it is set aside. `LATER`: its own budget has to be waited for;
    `NONE_NOW`: the run's has. `NEVER`: its own budget is used up.
    """

    FOR_IT = 0
    LATER = 1
    NONE_NOW = 2
    NEVER = 3


class Charges:
    """What one run of the engine asks, on `account`; without one nothing is counted. All of it is called by the
    engine's thread.
    """

    def __init__(self, account: Account | None) -> None:
        self.account = account
        self._open: list[Account] = []
        self._window, self._answered = 1, _nothing

    def begin(self, window: int, answered: Callable[[], None]) -> None:
        """A run starts: `window` requests may be in flight; `answered` is called, from a thread, on news."""
        self._window, self._answered = window, answered
        if self.account is not None:
            self._begun(self.account)

    def end(self) -> None:
        """The run has ended."""
        for account in self._open:
            account.end()

    def reserve(self, job: Job[Any]) -> Room:
        """Set aside what the job's request may cost at most, on each of its accounts."""
        if self.account is None:
            return Room.FOR_IT
        request, own, aside = job.request, self._own(job.row), list[tuple[Account, Held]]()
        if own is not None:
            if own.is_over:
                return Room.NEVER
            held = own.reserve(request)
            if held is None:
                # Answers that are on their way may leave more than was set aside for them.
                own.is_over = own.denied and not own.in_flight
                return Room.NEVER if own.is_over else Room.LATER
            aside.append((own, held))
        held = self.account.reserve(request)
        if held is None:
            for account, its in aside:
                account.release(its)
            return Room.NONE_NOW
        job.held = (*aside, (self.account, held))
        return Room.FOR_IT

    def settle(self, job: Job[Any], outcome: Answer | Failure) -> None:
        """The job's request has ended."""
        for account, held in job.held:
            account.settle(held, outcome, job.request)
        job.held = ()

    def _own(self, row: Draftable[Any]) -> Account | None:
        budget: OwnBudget | None = getattr(row, "own_budget", None)
        if budget is None or self.account is None:
            return None
        account = self.account.own(budget)
        if account not in self._open:
            self._begun(account)
        return account

    def _begun(self, account: Account) -> None:
        account.begin(self._window, self._answered)
        self._open.append(account)


def _nothing() -> None:
    return None
