"""The servers of a run: choosing one per request, taking lost ones out, and bringing them back.

A managed server (embedded, vllm) that died is restarted by its endpoint, within its bound, and may come back under
another address. What a window is, is in limiter.py; when the whole run stops, in breaker.py.
"""

import asyncio
import time
from collections.abc import Callable

from unicorn_assets.errors import UserError
from unicorn_assets.llm.client.limiter import Limiter
from unicorn_assets.llm.client.replica import LOST_BEFORE_LEAVING, Replica, least_loaded
from unicorn_assets.llm.endpoints.base import Endpoint
from unicorn_assets.llm.failure import Failure

PROBE_SECONDS = 2.0
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 15.0

Report = Callable[[str, str], None]


class Fleet:
    """Replicas of one endpoint; every method runs in the engine's loop."""

    def __init__(self, endpoint: Endpoint, concurrency: int) -> None:
        self._endpoint = endpoint
        self._ceiling = min(concurrency, endpoint.capacity or concurrency)
        self._replicas = [self._replica(url) for url in endpoint.base_urls]
        self._probe: asyncio.Task[None] | None = None
        self._next_probe = 0.0
        self.failed: Callable[[BaseException], None] = lambda _: None
        """Set by the engine: what to do when a managed server will never come back."""
        self.model = endpoint.model
        self.revision = endpoint.revision

    def ceiling(self) -> int:
        """Most requests in flight over all servers."""
        return self._ceiling * len(self._replicas)

    def in_flight(self) -> int:
        """Requests in flight over all servers."""
        if len(self._replicas) == 1:
            return self._replicas[0].in_flight
        return sum(replica.in_flight for replica in self._replicas)

    def choose(self, now: float) -> Replica | None:
        """The server for the next request."""
        if len(self._replicas) == 1:
            return self._replicas[0] if self._replicas[0].room(now) else None
        return least_loaded(self._replicas, now)

    def next_room(self, now: float) -> float | None:
        """When a pause ends, if that is what we wait for; everything else announces itself."""
        if len(self._replicas) == 1:
            at = self._replicas[0].room_at() if self._replicas[0].has_place() else now
            return at if at > now else None
        pauses = [replica.room_at() for replica in self._replicas if replica.has_place() and replica.room_at() > now]
        return min(pauses, default=None)

    def on_fault(self, replica: Replica, failure: Failure, now: float, seconds: float, report: Report) -> bool:
        """A fault of the server: narrow its window, pause it, or take it out; True when the window was halved."""
        halved = replica.limiter.on_overload(now, seconds, failure.retry_after)
        replica.lost += 1
        if failure.lost and replica.lost >= LOST_BEFORE_LEAVING and not replica.away:
            replica.away = True
            self._next_probe = 0.0
            report("left", f"{replica.base_url}: {failure.detail}")
            self.probe_absent(report)
        elif replica.lost > 2 * replica.limiter.limit + LOST_BEFORE_LEAVING:
            # Nothing but faults: let it rest, longer each time, so that rows do not use up their attempts on it.
            rests = min(10, int(replica.lost - 2 * replica.limiter.limit) // 2)
            until = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**rests)
            replica.limiter.paused_until = max(replica.limiter.paused_until, until)
        return halved

    def probe_absent(self, report: Report) -> None:
        """Ask absent servers whether they are back, one round at a time."""
        now = time.monotonic()
        if now < self._next_probe or (self._probe is not None and not self._probe.done()):
            return
        if any(replica.away for replica in self._replicas):
            self._next_probe = now + PROBE_SECONDS
            self._probe = asyncio.get_running_loop().create_task(self._bring_back(report))

    async def _bring_back(self, report: Report) -> None:
        for replica in [replica for replica in self._replicas if replica.away]:
            try:
                url = await asyncio.to_thread(self._endpoint.revive, replica.base_url)
            except UserError as error:  # a managed server that cannot be restarted any more
                self.failed(error)
                return
            except Exception as error:
                if self._endpoint.bounded_revive:  # the run waits for it, and it would fail again
                    self.failed(error)
                    return
                continue  # it is asked again, and patience bounds that
            if url is not None:
                self._return(replica, url)
                report("returned", url)

    def _return(self, replica: Replica, url: str) -> None:
        if url == replica.base_url:
            replica.away, replica.lost = False, 0
            replica.limiter.paused_until = 0.0
            return
        self._replicas[self._replicas.index(replica)] = self._replica(url)

    def _replica(self, url: str) -> Replica:
        return Replica(url, Limiter(self._ceiling), chat_url=self._endpoint.at(url, "/chat/completions"))

    def waits_for_restart(self) -> bool:
        """Whether all servers are away and their endpoint brings them back, or raises, within bounds of its own."""
        return self._endpoint.bounded_revive and all(replica.away for replica in self._replicas)

    async def close(self) -> None:
        """End a probe that is still under way."""
        if self._probe is not None:
            if not self._probe.done():
                self._endpoint.give_up()
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)

    def describe(self) -> str:
        """The servers' addresses, for messages."""
        return ", ".join(replica.base_url for replica in self._replicas)
