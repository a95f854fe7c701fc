"""An aiohttp application on loopback inside the test process, served by a thread of its own, whose end is clean.

Not here: what is served (each server's own file), servers that are processes (servers.py).
"""

import asyncio
import socket
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from aiohttp import web


class Served(ABC):
    """Context manager; `url` while it runs. When it has ended, no socket, transport or task of it is left.

    Whoever leaves one open fails a later, innocent test, with the warning of what is unclosed.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._running = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @abstractmethod
    def application(self) -> web.Application:
        """What is served; called in the thread that serves."""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._running.wait(20)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server, cutting off what it works on; harmless when it has ended."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(20)
            assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=1, handler_cancellation=True)
        await runner.setup()
        transports = _watched(runner)
        listening = socket.create_server(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        await web.SockSite(runner, listening).start()
        self._running.set()
        await self._over.wait()
        # What was accepted last becomes a transport in one turn of the loop, which we hear of in the next; had the
        # listening socket been closed before, asyncio would drop it, open.
        self._loop.remove_reader(listening)
        for _ in range(2):
            await asyncio.sleep(0)
        # Before aiohttp closes them: that waits for whoever reads what is written, for good.
        for transport in transports:
            transport.abort()
        while any(transport.get_extra_info("socket").fileno() >= 0 for transport in transports):
            await asyncio.sleep(0)
        await runner.cleanup()


def _watched(runner: web.AppRunner) -> list[asyncio.Transport]:
    """Every transport that the server has from now on. aiohttp tells of those alone that no answer has let go of."""
    transports: list[asyncio.Transport] = []
    server = runner.server
    assert server is not None
    made = server.connection_made

    def connection_made(handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        transports.append(transport)
        made(handler, transport)

    server.connection_made = connection_made  # type: ignore[method-assign]
    return transports
