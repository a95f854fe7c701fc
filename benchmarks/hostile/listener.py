"""An OpenAI-compatible server on loopback that answers in the mode it is told: `python listener.py SECONDS [PORT]`.

Prints its two ports; ends by itself after SECONDS, or with its standard input. GET /control/mode/NAME switches,
/control/stats says what came in. NAME is a wire fault, a shape, `models-...`, `good` or `gallery` (each seed has its
own shape), with the prefixes `after3-` (the first three requests are answered well), `every3-` (two of three),
`caption-` or `pairs-` (only there).
"""

import asyncio
import contextlib
import json
import re
import sys
from collections import Counter
from typing import Any

from good_words import good_answer
from shapes import SHAPES, completion
from wire_faults import FAULTS, MODELS, Exchange

PREFIX = re.compile(r"(after|every)(\d+)-(.+)")
GALLERY = tuple((where, shape) for shape in SHAPES for where in ("caption", "pairs"))
"""Which shape the answer about seed number N has, and at which stage, in the mode `gallery`."""


class Listener:
    """What one server knows: its mode, and what was asked of it."""

    def __init__(self) -> None:
        self.mode, self.asked, self.elsewhere = "good", 0, 0
        self.counts: Counter[str] = Counter()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if value
            }
            raw = await reader.readexactly(int(headers.get("content-length") or 0))
            await self.answer(writer, first.split(" ")[1], headers, raw)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            pass
        finally:
            writer.close()

    async def answer(self, writer: asyncio.StreamWriter, path: str, headers: dict[str, str], raw: bytes) -> None:
        """Control requests, the list of models, or a chat completion."""
        try:
            body: dict[str, Any] = json.loads(raw or b"{}")
        except ValueError:
            body = {}
        exchange = Exchange(writer, path, headers, body, b"", self.elsewhere)
        if path.startswith("/control/mode/"):
            self.mode, self.asked = path.split("/")[3], 0
            self.counts.clear()
            await exchange.send(200, "{}")
        elif path == "/control/stats":
            await exchange.send(200, json.dumps(self.counts))
        elif path.partition("?")[0].endswith("/models"):
            self.counts["models"] += 1
            await MODELS.get(self.mode, _list_of_models)(exchange)
        else:
            self.counts["chat"] += 1
            self.asked += 1
            await self.chat(exchange)

    async def chat(self, exchange: Exchange) -> None:
        """A completion as the mode has it."""
        task, text, seed = good_answer(exchange.body)
        exchange.good = completion({"content": text})
        mode = self.current(task, seed)
        if mode in SHAPES:
            await exchange.send(200, completion(SHAPES[mode](text, task != "caption")))
        else:
            await FAULTS.get(mode, _good)(exchange)

    def current(self, task: str, seed: int) -> str:
        """The name of the shape or fault for this request."""
        where, mode = "", self.mode
        if mode == "gallery":
            where, mode = GALLERY[seed % len(GALLERY)]
        if found := PREFIX.fullmatch(mode):
            kind, number, mode = found.group(1), int(found.group(2)), found.group(3)
            if self.asked <= number if kind == "after" else self.asked % number:
                return "good"
        for stage in ("caption", "pairs"):
            if mode.startswith(f"{stage}-"):
                where, mode = stage, mode.removeprefix(f"{stage}-")
        here = "caption" if task == "caption" else "pairs"
        return mode if where in ("", here) else "good"


async def _good(exchange: Exchange) -> None:
    await exchange.send(200, exchange.good)


async def _list_of_models(exchange: Exchange) -> None:
    await exchange.send(200, json.dumps({"object": "list", "data": [{"id": "stub", "object": "model"}]}))


async def main(seconds: float, port: int) -> None:
    """Serve for `seconds`."""
    here, elsewhere = Listener(), Listener()
    first = await asyncio.start_server(here.handle, "127.0.0.1", port, limit=1 << 22)
    second = await asyncio.start_server(elsewhere.handle, "127.0.0.1", 0)
    here.elsewhere = second.sockets[0].getsockname()[1]
    print(first.sockets[0].getsockname()[1], here.elsewhere, flush=True)
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), over.set)  # whoever started it has gone
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(over.wait(), seconds)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
