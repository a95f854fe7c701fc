"""An LLM server for stress: raw HTTP on loopback whose speed and faults each request states in its own prompt.

A prompt holds `<stress ROUND ROW>` and the round's plan is told once by POST /plan: latency (fast, slow, bursty), share
of faulty requests, and which faults. The nth request of a row decides by a hash, so a round is the same whenever it is
run. From the fourth request of a row on it answers well. Ends when its standard input closes, or after --max-seconds.
"""

import argparse
import asyncio
import contextlib
import gzip
import hashlib
import json
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable

MARK = re.compile(rb"<stress (\d+) (\d+)>")
GOOD_FROM = 4
HOLD_S = 1.0
"""How long a hanging request is held; clients give up earlier."""


def completion(text: str, usage: object = None, finish: str = "stop") -> bytes:
    usage = {"prompt_tokens": 9, "completion_tokens": 7} if usage is None else usage
    message = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"index": 0, "finish_reason": finish, "message": message}], "usage": usage}).encode()


def good(row: int) -> bytes:
    return completion(json.dumps({"caption": f"caption {row}", "score": row % 7}))


def reply(body: bytes, status: int = 200, headers: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return (
        f"HTTP/1.1 {status} S\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n{headers}\r\n".encode()
        + body
    )


def raw_usage(row: int, text: bytes) -> bytes:
    return reply(good(row).replace(b'"prompt_tokens": 9', b'"prompt_tokens": ' + text))


BOMB = gzip.compress(b" " * (16 << 20), 9)

ANSWERED: dict[str, bytes | Callable[[int], bytes]] = {
    "e500": reply(b'{"error":{"message":"boom"}}', 500),
    "e500_deep": reply(b"[" * 100_000, 500),
    "e503": reply(b"Service Unavailable", 503),
    "e503_date": reply(b"{}", 503, "Retry-After: Mon, 01 Jan 0001 00:00:00 -0000\r\n"),
    "e429": reply(b'{"error":{"message":"slow"}}', 429, "Retry-After: 0.02\r\n"),
    "e429_nan": reply(b"{}", 429, "Retry-After: nan\r\n"),
    "e400": reply(b'{"error":{"message":"context length exceeded"}}', 400),
    "e413": reply(b"{}", 413),
    "e999": reply(b"{}", 999),
    "error_in_200": reply(b'{"error":{"message":"overloaded","code":503}}'),
    "html": reply(b"<html>log in</html>"),
    "not_json": reply(b"this is not json \x1b[31m"),
    "empty": reply(b""),
    "cut": lambda row: reply(good(row)[:60]),
    "deep": reply(b'{"choices":' + b"[" * 200_000),
    "bad_utf8": reply(b'{"choices":[{"message":{"content":"\xff\xfe"}}]}'),
    "inf": lambda row: raw_usage(row, b"1e999"),
    "nan": lambda row: raw_usage(row, b"NaN"),
    "huge_usage": lambda row: raw_usage(row, b"9" * 40),
    "negative_usage": lambda row: raw_usage(row, b"-5"),
    "odd_usage": reply(completion(json.dumps({"caption": "a", "score": 1}), {"prompt_tokens": "many"})),
    "no_usage": reply(completion(json.dumps({"caption": "a", "score": 1}), [])),
    "surrogate": reply(completion('{"caption": "half \ud83d", "score": 1}')),
    "nul": reply(completion('{"caption": "a\\u0000b", "score": 1}')),
    "brackets": reply(completion("[" * 2000)),
    "cut_content": reply(completion('{"caption": "A tall sla', finish="length")),
    "long_word": reply(completion("A " + "x" * 150_000)),
    "content_null": reply(b'{"choices":[{"message":{"content":null}}]}'),
    "content_parts": reply(b'{"choices":[{"message":{"content":[{"type":"text","text":"hi"}]}}]}'),
    "no_choices": reply(b'{"choices":[],"usage":{}}'),
    "too_large": reply(b" " * 400_000),
    "bomb": reply(BOMB, 200, "Content-Encoding: gzip\r\n"),
    "bad_gzip": reply(b"\x1f\x8bnot gzip", 200, "Content-Encoding: gzip\r\n"),
    "big_head": lambda row: reply(good(row), 200, "X-Big: " + "a" * 100_000 + "\r\n"),
}
"""Faults that are a reply; the connection stays open after them."""

BROKEN = ("reset", "short_body", "bad_head", "not_http", "hang", "drip", "endless", "no_content")
"""Faults after which the connection is gone."""

FAULTS = (*ANSWERED, *BROKEN)


class Server:
    """`plans` by round; `asked` counts the requests of each row."""

    def __init__(self) -> None:
        self.plans: dict[int, dict] = {}
        self.asked: Counter[tuple[int, int]] = Counter()
        self.burst = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._one(reader, writer):
                await writer.drain()
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.findall(rb"(?i)content-length: *(\d+)", head)[0]) if b"ength" in head else 0
        body = await reader.readexactly(length)
        if head.startswith(b"GET "):
            writer.write(reply(b'{"object":"list","data":[{"id":"stress"}]}'))
            return True
        if head.startswith(b"POST /plan"):
            plan = json.loads(body)
            self.plans = {plan["round"]: plan}
            self.asked.clear()
            writer.write(reply(b"{}"))
            return True
        number, row = (int(text) for text in MARK.findall(body)[-1])
        plan = self.plans.get(number)
        if plan is None:  # a round that was given up
            return False
        self.asked[number, row] += 1
        nth = self.asked[number, row]
        chance = random.Random(f"{number} {row} {nth}")
        await self._wait(plan, chance)
        if nth >= GOOD_FROM or chance.random() >= plan["faulty"]:
            writer.write(reply(good(row)))
            return True
        return await self._fault(chance.choice(plan["faults"]), row, writer)

    async def _wait(self, plan: dict, chance: random.Random) -> None:
        match plan["speed"]:
            case "slow":
                await asyncio.sleep(chance.uniform(0.01, 0.08))
            case "bursty":  # answers of the same tenth of a second leave together
                await self.burst.wait()

    async def _fault(self, name: str, row: int, writer: asyncio.StreamWriter) -> bool:
        if name in ANSWERED:
            answered = ANSWERED[name]
            writer.write(answered if isinstance(answered, bytes) else answered(row))
            return True
        match name:
            case "reset":
                writer.transport.abort()
            case "short_body":
                writer.write(reply(good(row), length=100_000))
            case "bad_head":
                writer.write(b"HTTP/1.1 200 OK\r\nbroken header line\r\n\r\n{}")
            case "not_http":
                writer.write(b"\x00\x01 garbage\r\n\r\n")
            case "no_content":
                writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            case "hang":
                await asyncio.sleep(HOLD_S)
            case "drip" | "endless":
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                chunk, pause = (b"1\r\n \r\n", 0.1) if name == "drip" else (b"8000\r\n" + b" " * 32768 + b"\r\n", 0)
                for _ in range(int(HOLD_S / 0.1)):
                    writer.write(chunk)
                    await writer.drain()
                    await asyncio.sleep(pause)
        return False

    async def bursts(self) -> None:
        while True:
            await asyncio.sleep(0.03)
            self.burst.set()
            self.burst = asyncio.Event()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--max-seconds", type=float, default=6 * 3600)
    o = parser.parse_args()
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=1 << 22, backlog=4096)
    print(json.dumps({"url": f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"}), flush=True)
    bursts = asyncio.create_task(server.bursts())
    closed = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(closed), o.max_seconds)
    bursts.cancel()
    os._exit(0)  # requests that hang are of no interest any more


def plan_of(number: int, seed: int) -> dict:
    """A round by its number: what the server does."""
    chance = random.Random(hashlib.blake2b(f"{seed} {number}".encode()).hexdigest())
    return {
        "round": number,
        "speed": chance.choice(["fast", "fast", "slow", "bursty"]),
        "faulty": chance.choice([0.0, 0.02, 0.1, 0.3]),
        "faults": sorted(FAULTS) if chance.random() < 0.7 else chance.sample(sorted(FAULTS), 3),
    }


if __name__ == "__main__":
    asyncio.run(main())
