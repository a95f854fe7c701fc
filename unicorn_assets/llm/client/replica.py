"""One server of a fleet as the engine sees it: its address, its window, and whether it is believed alive."""

from dataclasses import dataclass, field

from unicorn_assets.llm.client.limiter import Limiter

LOST_BEFORE_LEAVING = 3
"""Lost connections in a row, with no answer in between, after which a server is taken out and probed."""


@dataclass(slots=True)
class Replica:
    """A base URL (such as .../v1), requests in flight, and the connections lost since its last answer."""

    base_url: str
    limiter: Limiter
    in_flight: int = 0
    lost: int = 0
    away: bool = False
    errors: dict[str, int] = field(default_factory=dict)
    chat_url: str = ""  # where requests go; messages show the base URL, which holds no query

    def __post_init__(self) -> None:
        self.chat_url = self.chat_url or f"{self.base_url}/chat/completions"

    def room(self, now: float) -> bool:
        """Whether it may get one more request now."""
        return now >= self.room_at() and self.has_place()

    def has_place(self) -> bool:
        """Whether its window is open, now or when a pause ends."""
        return not self.away and self.in_flight < int(self.limiter.limit)

    def room_at(self) -> float:
        """When the pause ends, if there is one, and the last request is far enough away."""
        return max(self.limiter.paused_until, self.limiter.next_start)

    def sent(self, now: float) -> None:
        """It gets a request."""
        self.in_flight += 1
        self.limiter.on_start(now)

    def answered(self, now: float, seconds: float) -> None:
        """It gave a good answer, `seconds` after the request."""
        self.lost = 0
        self.limiter.on_good(now, seconds)

    def count(self, reason: str) -> None:
        """Remember a failure for the message that ends a broken run."""
        self.errors[reason] = self.errors.get(reason, 0) + 1


def least_loaded(replicas: list[Replica], now: float) -> Replica | None:
    """The replica with the smallest share of its window in use, or None when all are full, paused or away."""
    free = [replica for replica in replicas if replica.room(now)]
    return min(free, key=lambda replica: replica.in_flight / replica.limiter.limit) if free else None
