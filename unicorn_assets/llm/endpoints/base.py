"""What every endpoint offers the engine."""

import logging
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from unicorn_assets.stream import Stream

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerWarning:
    """What is odd about a server, though the run goes on."""

    words: str

    def __str__(self) -> str:
        """One line for people."""
        return self.words


class Endpoint(ABC):
    """Servers of one model. `start` returns when they answer; `stop` ends those that we started.

    `base_urls` end in /v1; `server_count` is how many there are, known before `start`. `model` and `revision` enter the
    journal's key. `capacity`: answers that one server works on side by side, None when unknown. `bounded_revive`: a
    server that is away comes back by `revive`, or `revive` raises, both within bounds of its own; a run then waits for
    it however long that takes (a large model loads for minutes).
    """

    model: str
    revision: str
    server_count: int = 1
    capacity: int | None = None
    bounded_revive: bool = False

    def __init__(self, events: Stream | None = None) -> None:
        self._events = events or Stream()
        self.base_urls: tuple[str, ...] = ()
        self.headers: dict[str, str] = {}

    @property
    def base_url(self) -> str:
        """The first server's base URL."""
        return self.base_urls[0]

    def at(self, base_url: str, path: str) -> str:
        """The address to ask for something below a server's base URL."""
        return f"{base_url}{path}"

    def warn(self, words: str) -> None:
        """Tell of something odd: in the log, and as a ServerWarning."""
        log.warning("%s", words)
        self._events.emit(ServerWarning(words))

    @abstractmethod
    def start(self) -> None:
        """Make the servers ready; raises UserError within a bounded time."""

    def stop(self) -> None:  # noqa: B027 - most endpoints own no server
        """End the servers that we started; harmless when there are none."""

    @abstractmethod
    def revive(self, base_url: str) -> str | None:
        """Called about a server that lost its connections: its base URL (maybe a new one) once it answers, else None.

        Blocks for a bounded time, short unless it restarts a server. Raises UserError when it will never come back.
        """

    def give_up(self) -> None:  # noqa: B027 - most return soon
        """Called from another thread when nobody waits for a `revive` under way any more: let it return soon."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def default_log_dir() -> Path:
    """`logs/` in UNICORN_HOME (default .unicorn)."""
    return Path(os.environ.get("UNICORN_HOME", ".unicorn")) / "logs"


def weights_dirs() -> list[Path]:
    """Where rewritten weights may lie: the user's cache, since they are the same for every home, else UNICORN_HOME."""
    user = os.environ.get("HOME")  # containers may have none
    cache = os.environ.get("XDG_CACHE_HOME") or (f"{user}/.cache" if user else None)
    return [*([Path(cache, "unicorn-assets")] if cache else []), default_log_dir().parent / "weights"]
