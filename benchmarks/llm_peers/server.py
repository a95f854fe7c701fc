"""A model server that thinks for a fixed time: OpenAI chat completions on 127.0.0.1, with faults chosen by row.

Every prompt of the benchmark names its row as `<row N>`. Which rows fail, and how, depends on N alone, so that all
clients meet the same faults. GET /stats tells what happened; POST /mark remembers what has been answered so far and
what is being worked on, for the count after a kill. The server ends when its standard input closes.
"""

import argparse
import asyncio
import json
import re
import sys
import zlib
from collections import Counter

from aiohttp import web

ROW = re.compile(rb"<row (\d+)>")
CAPTION = (
    "A narrow brick house with green shutters stands between two taller buildings, its front door painted dark blue, "
    "a row of clay pots with red geraniums along the sill and a bicycle leaning against the iron railing, number "
)
FAULTS = ("http_500", "cut_off_json", "http_429", "hang", "close", "huge", "html")


class Model:
    """Counters and the chat handler."""

    def __init__(self, latency: float, faults: dict[str, float], hang_s: float) -> None:
        self.latency, self.faults, self.hang_s = latency, faults, hang_s
        self.seen: Counter[int] = Counter()
        self.good: Counter[int] = Counter()
        self.injected: Counter[str] = Counter()
        self.in_flight = self.most_in_flight = self.requests = 0
        self.marked_answered: set[int] = set()
        self.marked_open = 0
        self.open_rows: Counter[int] = Counter()

    def fault_of(self, row: int) -> str | None:
        """The fault of a row's first request, if it has one."""
        point, edge = zlib.crc32(b"fault %d" % row) / 2**32, 0.0
        for name, share in self.faults.items():
            edge += share
            if point < edge:
                return name
        return None

    async def chat(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        found = ROW.findall(raw)
        row = int(found[-1]) if found else -1
        self.requests += 1
        self.seen[row] += 1
        first = self.seen[row] == 1
        self.in_flight += 1
        self.open_rows[row] += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.latency)
            fault = self.fault_of(row) if first else None
            if fault is not None:
                self.injected[fault] += 1
            return await self.answer(request, row, fault, b"tool_choice" in raw)
        finally:
            self.in_flight -= 1
            self.open_rows[row] -= 1

    async def answer(self, request: web.Request, row: int, fault: str | None, tools: bool) -> web.StreamResponse:
        if fault == "http_500":
            return web.json_response({"error": {"message": "worker crashed"}}, status=500)
        if fault == "http_429":
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "1"})
        if fault == "hang":
            await asyncio.sleep(self.hang_s)
        if fault == "close" or fault == "hang":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if fault == "html":
            return web.Response(text="<html><body>Bad gateway</body></html>", content_type="text/html")
        content = json.dumps({"caption": f"{CAPTION}{row}.", "score": row % 5})
        if row < 0:  # curator first asks for a person's name and age, to see whether the server knows JSON
            content = json.dumps({"name": "Jason", "age": 25})
        if fault == "cut_off_json":
            content = content[:40]
        if fault == "huge":
            content = "x" * (1 << 20)
        if fault is None:
            self.good[row] += 1
        message: dict[str, object] = {"role": "assistant", "content": content}
        if tools:
            call = {"id": "1", "type": "function", "function": {"name": "Caption", "arguments": content}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        return web.json_response(
            {
                "id": "chatcmpl-0", "object": "chat.completion", "created": 0, "model": "bench",
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": 40, "completion_tokens": 60, "total_tokens": 100},
            }
        )  # fmt: skip

    async def stats(self, _: web.Request) -> web.Response:
        rows = {row: n for row, n in self.good.items() if row >= 0}
        again = {row: n - 1 for row, n in rows.items() if n > 1}
        return web.json_response(
            {
                "requests": self.requests, "rows": len(rows), "asked_again": sum(again.values()),
                "asked_again_of_answered": sum(1 for row in again if row in self.marked_answered),
                "most_in_flight": self.most_in_flight, "in_flight": self.in_flight, "marked_open": self.marked_open,
                "marked_answered": len(self.marked_answered), "injected": dict(self.injected),
            }
        )  # fmt: skip

    async def mark(self, _: web.Request) -> web.Response:
        """Remember what is answered and what is open at this moment."""
        self.marked_answered = {row for row in self.good if row >= 0}
        self.marked_open = self.in_flight
        return web.Response()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--hang-s", type=float, default=30)
    for name in FAULTS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=0.0, help="share of rows")
    options = vars(parser.parse_args())
    faults = {name: options[name] for name in FAULTS if options[name]}
    model = Model(options["latency_ms"] / 1000, faults, options["hang_s"])
    app = web.Application(client_max_size=1 << 24)
    app.add_routes(
        [
            web.post("/v1/chat/completions", model.chat), web.get("/stats", model.stats), web.post("/mark", model.mark),
            web.get("/v1/models", lambda _: _models()),
        ]
    )  # fmt: skip
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


async def _models() -> web.Response:
    return web.json_response({"object": "list", "data": [{"id": "bench", "object": "model"}]})


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
