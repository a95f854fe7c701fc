"""Who wants to hear what endpoints warn of, wherever in this process they run. Not here: what that is (url.py)."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Warnings(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record.getMessage())


@contextmanager
def warnings_heard(tell: Callable[[str], None]) -> Iterator[None]:
    """Call `tell` with every warning of an endpoint meanwhile, in the thread that gives it."""
    log, handler = logging.getLogger(__package__), _Warnings(tell)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
