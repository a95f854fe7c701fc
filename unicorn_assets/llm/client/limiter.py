"""How many requests one server gets at a time, by additive increase, multiplicative decrease (AIMD); retries' pauses.

Only arithmetic, no clock and no network: the caller passes the time. A single error is no overload; the window is
halved when more than a tenth of it fails within one window of responses, at most once per cool-down.
"""

import random
from dataclasses import dataclass

OVERLOAD_SHARE = 0.1
GROWTH = 2.0
"""Requests added to the window per window of good answers."""
APART = 0.7
"""Requests go out at least this share of the mean time between two answers apart, but never more than MOST_APART_S."""
MOST_APART_S = 0.001
CATCH_UP_S = 0.002
"""What a late start may make up for: timers are a millisecond coarse."""


def pause_before(attempts: int, retry_after: float | None, patience: float) -> float:
    """Seconds until a row is sent again after `attempts` (0 or more; a 429 counts as none) that failed.

    The server's Retry-After counts; without it a first retry goes at once, the others wait 0.1 s * 2^attempts. None
    waits longer than `patience`. On top comes up to a tenth of that backoff at random, so that rows refused together
    do not come back together.
    """
    backoff = 0.1 * 2.0**attempts
    pause = retry_after if retry_after is not None else 0.0 if attempts == 1 else backoff
    return min(pause, patience) + random.uniform(0, 0.1 * backoff)


@dataclass(slots=True)
class Limiter:
    """The window of one server: `limit` requests in flight, between 1 and `ceiling`; none before `next_start`.

    Answers that arrive together are processed together, and the requests that follow them meet in the server's queue
    and arrive together again: like buses, clumps merge and never part. A small distance between requests parts them,
    which is worth 8 % of the rate at 64 in flight and 50 ms.
    """

    ceiling: int
    limit: float = 0.0
    paused_until: float = 0.0
    next_start: float = 0.0
    _mean_s: float = 0.0
    _good: int = 0
    _bad: int = 0
    _cool_until: float = 0.0

    def __post_init__(self) -> None:
        self.limit = float(self.ceiling)

    def on_start(self, now: float) -> None:
        """A request goes out."""
        apart = min(MOST_APART_S, APART * self._mean_s / self.limit)
        self.next_start = max(self.next_start, now - CATCH_UP_S) + apart

    def on_good(self, now: float, seconds: float) -> None:
        """A finished answer, `seconds` after its request."""
        self._mean_s += (seconds - self._mean_s) / 16 if self._mean_s else seconds
        self._good += 1
        if self.limit < self.ceiling and now >= self._cool_until:
            self.limit = min(float(self.ceiling), self.limit + GROWTH / self.limit)
        self._next_window()

    def on_overload(self, now: float, seconds: float, retry_after: float | None = None) -> bool:
        """A 429, 5xx, timeout or lost connection after `seconds`; True when the window was halved.

        When it is, the server's Retry-After (seconds) holds back every request, not only the one that was refused.
        """
        self._bad += 1
        if self._bad < max(2.0, OVERLOAD_SHARE * self.limit) or now < self._cool_until:
            self._next_window()
            return False
        self.limit = max(1.0, self.limit / 2)
        # What is in flight was sent with the old window: its failures say nothing about the new one.
        self._cool_until = now + max(seconds, retry_after or 0.0)
        if retry_after:
            self.paused_until = max(self.paused_until, now + retry_after)
        self._good = self._bad = 0
        return True

    def _next_window(self) -> None:
        if self._good + self._bad >= self.limit:
            self._good = self._bad = 0
