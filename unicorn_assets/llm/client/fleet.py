"""The servers of a run: choosing one per request, taking lost ones out, and bringing them back.

A managed server (embedded, vllm) that died is restarted by its endpoint, within its bound, and may come back under
another address. What a window is, is in pace.py; when the whole run stops, in breaker.py.
"""

import asyncio
import time
from collections.abc import Callable

from unicorn_assets.errors import UserError
from unicorn_assets.llm.client.limiter import Pace
from unicorn_assets.llm.client.replica import LOST_BEFORE_LEAVING, Lane, least_loaded
from unicorn_assets.llm.endpoints.base import Endpoint
from unicorn_assets.llm.failure import Failure

PROBE_SECONDS = 2.0
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 15.0

Report = Callable[[str, str], None]


class Fleet:
    """Lanes of one endpoint; every method runs in the engine's loop."""

    def __init__(self, endpoint: Endpoint, concurrency: int) -> None:
        self._endpoint = endpoint
        self._ceiling = min(concurrency, endpoint.capacity or concurrency)
        self._lanes = [self._lane(url) for url in endpoint.base_urls]
        self._probe: asyncio.Task[None] | None = None
        self._next_probe = 0.0
        self.failed: Callable[[BaseException], None] = lambda _: None
        """Set by the engine: what to do when a managed server will never come back."""
        self.model = endpoint.model
        self.revision = endpoint.revision

    def ceiling(self) -> int:
        """Most requests in flight over all servers."""
        return self._ceiling * len(self._lanes)

    def in_flight(self) -> int:
        """Requests in flight over all servers."""
        if len(self._lanes) == 1:
            return self._lanes[0].in_flight
        return sum(lane.in_flight for lane in self._lanes)

    def choose(self, now: float) -> Lane | None:
        """The server for the next request."""
        if len(self._lanes) == 1:
            return self._lanes[0] if self._lanes[0].room(now) else None
        return least_loaded(self._lanes, now)

    def next_room(self, now: float) -> float | None:
        """When a pause ends, if that is what we wait for; everything else announces itself."""
        if len(self._lanes) == 1:
            at = self._lanes[0].room_at() if self._lanes[0].has_place() else now
            return at if at > now else None
        pauses = [lane.room_at() for lane in self._lanes if lane.has_place() and lane.room_at() > now]
        return min(pauses, default=None)

    def on_fault(self, lane: Lane, failure: Failure, now: float, seconds: float, report: Report) -> bool:
        """A fault of the server: narrow its window, pause it, or take it out; True when the window was halved."""
        halved = lane.pace.on_overload(now, seconds, failure.retry_after)
        lane.lost += 1
        if failure.lost and lane.lost >= LOST_BEFORE_LEAVING and not lane.away:
            lane.away = True
            self._next_probe = 0.0
            report("left", f"{lane.base_url}: {failure.detail}")
            self.probe_absent(report)
        elif lane.lost > 2 * lane.pace.limit + LOST_BEFORE_LEAVING:
            # Nothing but faults: let it rest, longer each time, so that rows do not use up their attempts on it.
            rests = min(10, int(lane.lost - 2 * lane.pace.limit) // 2)
            lane.pace.paused_until = max(lane.pace.paused_until, now + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**rests))
        return halved

    def probe_absent(self, report: Report) -> None:
        """Ask absent servers whether they are back, one round at a time."""
        now = time.monotonic()
        if now < self._next_probe or (self._probe is not None and not self._probe.done()):
            return
        if any(lane.away for lane in self._lanes):
            self._next_probe = now + PROBE_SECONDS
            self._probe = asyncio.get_running_loop().create_task(self._bring_back(report))

    async def _bring_back(self, report: Report) -> None:
        for lane in [lane for lane in self._lanes if lane.away]:
            try:
                url = await asyncio.to_thread(self._endpoint.revive, lane.base_url)
            except UserError as error:  # a managed server that cannot be restarted any more
                self.failed(error)
                return
            except Exception as error:
                if self._endpoint.bounded_revive:  # the run waits for it, and it would fail again
                    self.failed(error)
                    return
                continue  # it is asked again, and patience bounds that
            if url is not None:
                self._return(lane, url)
                report("returned", url)

    def _return(self, lane: Lane, url: str) -> None:
        if url == lane.base_url:
            lane.away, lane.lost = False, 0
            lane.pace.paused_until = 0.0
            return
        self._lanes[self._lanes.index(lane)] = self._lane(url)

    def _lane(self, url: str) -> Lane:
        return Lane(url, Pace(self._ceiling), chat_url=self._endpoint.at(url, "/chat/completions"))

    def waits_for_restart(self) -> bool:
        """Whether all servers are away and their endpoint brings them back, or raises, within bounds of its own."""
        return self._endpoint.bounded_revive and all(lane.away for lane in self._lanes)

    async def close(self) -> None:
        """End a probe that is still under way."""
        if self._probe is not None:
            if not self._probe.done():
                self._endpoint.give_up()
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)

    def describe(self) -> str:
        """The servers' addresses, for messages."""
        return ", ".join(lane.base_url for lane in self._lanes)
