"""An OpenAI-compatible server inside the test process: real HTTP on loopback, faults decided by the test.

`fault(row, nth)` names the fault of a row's nth request (from 1), or None. Prompts name their row as `<row N>`.
"""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable

from aiohttp import web

from unicorn_assets_tests.loopback import Served

ROW = re.compile(r"<row (\d+)>")
Fault = Callable[[int, int], str | None]


def no_fault(row: int, nth: int) -> str | None:
    return None


class FaultyServer(Served):
    """Context manager; `url` while it runs, `asked` counts requests per row, `most` the requests side by side."""

    def __init__(self, fault: Fault = no_fault, latency: float = 0.0, port: int = 0) -> None:
        super().__init__(port)
        self.fault, self.latency = fault, latency
        self.asked: Counter[int] = Counter()
        self.bodies: list[dict] = []
        self.headers: list[dict] = []
        self.in_flight = self.most = 0
        self.key: str | None = None
        self.models = ["m"]

    @property
    def requests(self) -> int:
        return self.asked.total()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=1 << 24, middlewares=[self._guard])
        app.add_routes([web.post("/v1/chat/completions", self._chat), web.get("/v1/models", self._models)])
        app.add_routes(self.more_routes())
        return app

    def more_routes(self) -> list[web.RouteDef]:
        """What a test's own server answers besides."""
        return []

    @web.middleware
    async def _guard(self, request: web.Request, handler) -> web.StreamResponse:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "bad key"}}, status=401)
        return await handler(request)

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": name} for name in self.models]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        row = int(ROW.findall(body["messages"][-1]["content"])[-1])
        self.asked[row] += 1
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            if self.latency:
                await asyncio.sleep(self.latency)
            return await self._answer(request, row, self.fault(row, self.asked[row]))
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request, row: int, fault: str | None) -> web.StreamResponse:
        match fault:
            case None:
                return web.json_response(completion(json.dumps({"caption": f"caption {row}", "score": 3})))
            case "cut_off_content":
                return web.json_response(completion('{"caption": "cap'))
            case "huge":
                return web.json_response(completion("x" * (1 << 20)))
            case "huge_chunked":
                response = web.StreamResponse()
                response.enable_chunked_encoding()
                await response.prepare(request)
                for _ in range(32):
                    await response.write(b"x" * (1 << 15))
                return response
            case "html":
                return web.Response(text="<html>busy</html>", content_type="text/html")
            case "cut_off_body":
                return web.Response(text=json.dumps(completion("hello"))[:30], content_type="application/json")
            case "close":
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            case "hang":
                await asyncio.sleep(3600)
                return web.Response()
            case "429":
                return web.json_response({"error": {"message": "slow"}}, status=429, headers={"Retry-After": "0.05"})
            case "429 long":
                return web.json_response({"error": {"message": "slow"}}, status=429, headers={"Retry-After": "3600"})
            case _:
                return web.json_response({"error": {"message": f"fault {fault}"}}, status=int(fault))


class HeldServer(FaultyServer):
    """Answers nothing before it may."""

    may = False

    async def _answer(self, request: web.Request, row: int, fault: str | None) -> web.StreamResponse:
        while not self.may:
            await asyncio.sleep(0.005)
        return await super()._answer(request, row, fault)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what is sure to come."""
    while not condition():
        time.sleep(0.005)


def completion(text: str, finish: str = "stop") -> dict:
    return {
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 2}},
    }
