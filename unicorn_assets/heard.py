"""Who wants to hear of damage, wherever in this process it is found: a log whose records carry the thing itself.

Not here: finding damage (lake/store.py, llm/journal/upkeep.py), or the words for it.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Listener(logging.Handler, Generic[T]):
    """Calls `tell` for every object of `kind` that a warning of a log carries, in the thread that warns."""

    def __init__(self, kind: type[T], tell: Callable[[T], None]) -> None:
        super().__init__(logging.WARNING)
        self._kind, self._tell = kind, tell

    def emit(self, record: logging.LogRecord) -> None:
        """What `logging` calls."""
        for each in record.args or ():
            if isinstance(each, self._kind):
                self._tell(each)


@contextmanager
def heard(log: logging.Logger, kind: type[T], tell: Callable[[T], None]) -> Iterator[None]:
    """Listen to `log` meanwhile."""
    listener = Listener(kind, tell)
    log.addHandler(listener)
    try:
        yield
    finally:
        log.removeHandler(listener)
