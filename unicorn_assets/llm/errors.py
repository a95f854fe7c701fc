"""What can go wrong between the engine and a server, in words for the person who runs it."""

from unicorn_assets.errors import UserError


class ServerBroken(UserError):  # noqa: N818 - the state, not the error, is the news
    """The run stopped because the servers cannot do the work; every finished answer is in the journal."""


class JournalBroken(UserError):  # noqa: N818 - as above
    """The journal cannot be written (disk full, no permission, storage unreachable)."""


class BudgetReached(UserError):  # noqa: N818 - as above
    """The next request could cost more than `llm.budget` leaves; everything finished is in the journal."""

    exit_code = 3

    def waiting(self, rows: int) -> "BudgetReached":
        """The same, with the number of rows that have no outcome yet."""
        return BudgetReached(f"{self.message}; at least {rows:,} rows wait", self.hint)
