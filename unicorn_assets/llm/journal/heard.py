"""Who wants to hear of damage, wherever in this process a journal finds it. Not here: finding it (upkeep.py)."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from unicorn_assets.heard import heard
from unicorn_assets.llm.journal.upkeep import Damage, log


def damage_heard(tell: Callable[[Damage], None]) -> AbstractContextManager[None]:
    """Call `tell` for every part of a journal that is set aside or missed meanwhile, in the thread that notices."""
    return heard(log, Damage, tell)
