"""Servers inside the test process end without a trace, whatever their clients do at that moment."""

import asyncio
import gc
import socket
import threading
from contextlib import ExitStack

from aiohttp import web

from unicorn_assets_tests.loopback import Served

ASK = b"GET /%b HTTP/1.1\r\nHost: here\r\n\r\n"


class Odd(Served):
    async def hang(self, _: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    async def large(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * (1 << 22))

    async def endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * (1 << 16))

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.get(f"/{name}", getattr(self, name)) for name in ("hang", "large", "endless")])
        return app


def test_nothing_is_left_open_whatever_clients_do():
    # A warning of what is unclosed is an error here (filterwarnings), told of the test that runs when it is collected.
    before = threading.active_count()
    for nth in range(6):
        with ExitStack() as clients, Odd() as server:
            at = ("127.0.0.1", server.port)

            def ask(name: bytes, read: int, at=at, clients=clients) -> None:
                client = clients.enter_context(socket.create_connection(at))
                client.sendall(ASK % name)
                while read:
                    read -= len(client.recv(read))

            ask(b"large", 1 << 10)  # reads no further: the server has more to write than fits
            ask(b"endless", 1 << 17)
            ask(b"hang", 0)
            ask(b"hang"[:nth], 0)
            for _ in range(3):
                clients.enter_context(socket.create_connection(at))  # says nothing, and is accepted as the end comes
    gc.collect()
    assert threading.active_count() == before
