"""A row on its way through the engine: what it is asked, and what it has used so far. Not here: what happens to it."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Draftable
from unicorn_assets.llm.spend.budget import Account
from unicorn_assets.llm.spend.estimate import Held

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """One draft of a row: its request with its key, attempts for it, tokens and seconds of all drafts so far,
    and the money held for it, by account.
    """

    row: Draftable[T]
    request: ChatRequest
    key: str
    draft: int = 0
    attempts: int = 0
    tokens: int = 0
    seconds: float = 0.0
    held: tuple[tuple[Account, Held], ...] = ()
