"""When to stop a run: the circuit breaker. Arithmetic only; the engine tells it what happened and when.

A single failure is the row's affair, a burst of them the window's (limiter.py). The run stops when
- no server gave a good answer for `patience` seconds although some were asked, or
- four fifths of all attempts of the last `patience` seconds failed, or
- nothing but failures has come since the start: 20 refusals (400, 422...) at once, or 20 errors over ten seconds, or
- the servers say what is wrong for every row (a refused key, no credit): the first time before any good answer, ten
  times in a row afterwards, for then it may be something about single rows.
Answers 429 say "later", not "broken": they count only for the first rule.
"""

from collections import Counter
from dataclasses import dataclass, field

ENOUGH = 20
BROKEN_SHARE = 0.8
FIRST_SECONDS = 10.0
FATAL_IN_A_ROW = 10


@dataclass(slots=True)
class Breaker:
    """`patience` in seconds; `start` is the time of the first request."""

    patience: float
    start: float
    worked: bool = False
    last_good: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)
    refusals: int = 0
    fatal: int = 0
    last: str = ""
    _window: list[int] = field(default_factory=lambda: [0, 0])
    _previous: list[int] = field(default_factory=lambda: [0, 0])
    _turn: float = 0.0

    def __post_init__(self) -> None:
        self.last_good = self._turn = self.start

    def on_first(self, now: float) -> None:
        """A request goes out and none is on its way: a time in which nobody was asked tells nothing of the servers."""
        if not self.failures:
            self.last_good = now

    def on_good(self, now: float) -> None:
        """A finished answer."""
        self.worked = True
        self.last_good = now
        if self.failures:
            self.failures.clear()
            self.fatal = 0
        self._count(0, now)

    def on_failure(self, reason: str, detail: str, now: float, refusal: bool = False, fatal: bool = False) -> None:
        """A failed attempt; `refusal`: the server understood and said no; `fatal`: and would to every row."""
        self.failures[reason] += 1
        self.fatal += fatal
        self.refusals += refusal
        self.last = detail
        if reason != "http_429":
            self._count(1, now)

    def wait(self, now: float) -> None:
        """The server is being restarted: what it did before counts no more, and all times start again."""
        self.last_good = self.start = now
        self.failures.clear()

    def _count(self, which: int, now: float) -> None:
        if now - self._turn >= self.patience / 2:
            stale = now - self._turn >= self.patience
            self._previous, self._window, self._turn = ([0, 0] if stale else self._window), [0, 0], now
        self._window[which] += 1

    def is_fatal(self) -> bool:
        """Whether what is wrong for every row has been heard often enough."""
        return self.fatal >= (FATAL_IN_A_ROW if self.worked else 1)

    def many(self) -> bool:
        """Whether there are enough failures to judge a server that is still at work on something."""
        return self.failures.total() >= ENOUGH

    def broken(self, now: float) -> bool:
        """Whether the run should stop now."""
        if not self.failures:
            return False
        if now - self.last_good >= self.patience:
            return True
        hard = self.failures.total() - self.failures["http_429"]
        if not self.worked:
            return self.refusals >= ENOUGH or (hard >= ENOUGH and now - self.start >= min(FIRST_SECONDS, self.patience))
        good, bad = (self._window[i] + self._previous[i] for i in (0, 1))
        return bad >= ENOUGH and bad >= BROKEN_SHARE * (good + bad) and now - self.start >= self.patience

    def verdict(self, now: float) -> str:
        """The one line that says why."""
        counted = ", ".join(f"{reason} x{count}" for reason, count in self.failures.most_common(4))
        return f"no good answer for {now - self.last_good:.0f} s ({counted}); last: {self.last or 'nothing'}"
