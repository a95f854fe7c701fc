"""Who wants to hear of damage, wherever in this process a journal finds it. Not here: finding it (upkeep.py)."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from unicorn_assets.llm.journal.upkeep import Damage
from unicorn_assets.llm.journal.upkeep import log as journal_log


class _Damages(logging.Handler):
    def __init__(self, tell: Callable[[Damage], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        for each in record.args or ():
            if isinstance(each, Damage):
                self._tell(each)


@contextmanager
def damage_heard(tell: Callable[[Damage], None]) -> Iterator[None]:
    """Call `tell` for every part of a journal that is set aside or missed meanwhile, in the thread that notices."""
    handler = _Damages(tell)
    journal_log.addHandler(handler)
    try:
        yield
    finally:
        journal_log.removeHandler(handler)
