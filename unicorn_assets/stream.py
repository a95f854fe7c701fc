"""One stream of events: whoever finds or does something emits it, whoever wants to know subscribes to its kind.

An event is a plain value: what became of a row (llm/events.py), damage of the journal or of the lake, a warning about a
server, an error of a process's account. A stream is handed down to those who emit, by their constructors; one that
nobody listens to is their default. Not here: what the events say, or who shows them.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Stream:
    """Passes events on, in the thread that emits them: to its own listeners, then to those of `above`."""

    def __init__(self, above: "Stream | None" = None) -> None:
        self._above = above
        self._listeners: tuple[tuple[type[Any], Callable[[Any], None]], ...] = ()
        self._changing = threading.Lock()

    def emit(self, event: object) -> None:
        """Tell everybody who listens to events of this kind."""
        for kind, tell in self._listeners:
            if isinstance(event, kind):
                tell(event)
        if self._above is not None:
            self._above.emit(event)

    def subscribe(self, kind: type[T], tell: Callable[[T], None]) -> Callable[[], None]:
        """From now on `tell` gets every event of `kind`; call what is returned to end that."""
        listener = (kind, tell)
        with self._changing:
            self._listeners = (*self._listeners, listener)

        def end() -> None:
            with self._changing:
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return end

    @contextmanager
    def heard(self, kind: type[T], tell: Callable[[T], None]) -> Iterator[None]:
        """Subscribe meanwhile."""
        end = self.subscribe(kind, tell)
        try:
            yield
        finally:
            end()
