"""What is damaged in a lake, told once to whoever wants to hear of it. Not here: finding it (store.py, seals.py)."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from unicorn_assets.heard import Listener, heard

log = logging.getLogger(__name__)
log.addHandler(logging.NullHandler())  # who listens says it in words; nobody needs it twice

ASIDE = ".damaged-"
"""Behind the name of a file or release that was set aside, before the time; no listing of data finds such names."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of the lake that cannot be used. `aside`: its new name, where it was set aside."""

    name: str
    reason: str
    aside: str = ""

    def __str__(self) -> str:
        """One line for people."""
        where = f"set aside as {self.aside} and made again" if self.aside else "the next `unicorn run` makes it again"
        return f"{self.name} is damaged ({self.reason}) and counts as not there; {where}"


def tell(damage: Damage) -> None:
    """Tell all who listen, and the log."""
    log.warning("%s", damage)


def lake_damage_heard(tell: Callable[[Damage], None]) -> AbstractContextManager[None]:
    """Call `tell` for every damaged file that is found meanwhile, in the thread that finds it."""
    return heard(log, Damage, tell)


def listen(tell: Callable[[Damage], None]) -> logging.Handler:
    """Call `tell` for every damaged file from now on; returns the handler that does."""
    handler = Listener(Damage, tell)
    log.addHandler(handler)
    return handler
