"""Faults of the wire: statuses, broken HTTP, bombs, hangs, redirects, servers that say the caller's key aloud.

Each fault is a coroutine that answers one exchange as it likes. Not here: odd but well-formed answers (shapes.py).
"""

import asyncio
import gzip
import json
import os
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from shapes import EVIL

BOMB_MB = 200


@dataclass
class Exchange:
    """One request and the way back. `good` is the body that a healthy server would send."""

    writer: asyncio.StreamWriter
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    good: bytes
    elsewhere: int  # port of a second server, to which no key may go

    @property
    def said_key(self) -> str:
        return self.headers.get("authorization", "") + " " + self.path

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send(
        self, status: int, body: str | bytes, *headers: str, kind: str = "application/json", length: int | None = None
    ) -> None:
        data = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", "Connection: close"]
        lines += [f"Content-Length: {len(data) if length is None else length}", *headers]
        await self.raw("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + data)

    async def chunked(self, chunk: bytes, times: int, pause: float) -> None:
        await self.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(times):
            if self.writer.is_closing():
                return
            await self.raw(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await asyncio.sleep(pause)


Fault = Callable[[Exchange], Awaitable[None]]


def says(
    status: int, body: str | bytes, *headers: str, kind: str = "application/json", length: int | None = None
) -> Fault:
    return lambda exchange: exchange.send(status, body, *headers, kind=kind, length=length)


def error(status: int, message: str, *headers: str) -> Fault:
    return says(status, json.dumps({"error": {"message": message, "type": "invalid_request_error"}}), *headers)


def echo(status: int) -> Fault:
    async def fault(exchange: Exchange) -> None:
        await exchange.send(
            status, json.dumps({"error": {"message": f"wrong key: {exchange.said_key}"}}), f"X-Key: {exchange.said_key}"
        )

    return fault


def bytes_only(data: bytes) -> Fault:
    return lambda exchange: exchange.raw(data)


def of_good(change: Callable[[bytes], bytes], *headers: str, length: int | None = None) -> Fault:
    return lambda exchange: exchange.send(200, change(exchange.good), *headers, length=length)


@cache
def bomb(kind: str) -> bytes:
    """About 200 kB that unpack to BOMB_MB of spaces; their checksum at the end is wrong, nobody should get there."""
    packer, spaces = zlib.compressobj(9, zlib.DEFLATED, 31 if kind == "gzip" else 15), b" " * (1 << 20)
    first, more = (packer.compress(spaces) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + more * (BOMB_MB - 1) + packer.flush()


async def echo_in_answer(exchange: Exchange) -> None:
    spoken = json.loads(exchange.good)
    spoken["choices"][0]["message"]["content"] = f"You sent {exchange.said_key}"
    await exchange.send(200, json.dumps(spoken))


async def redirect(exchange: Exchange, status: int = 302) -> None:
    await exchange.send(status, "", f"Location: http://127.0.0.1:{exchange.elsewhere}/v1/chat/completions")


async def hang(exchange: Exchange) -> None:
    await asyncio.sleep(100)


async def silent_after_head(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
    await asyncio.sleep(100)


async def stream(exchange: Exchange) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    await exchange.raw(head + b'data: {"choices":[{"delta":{"content":"A"}}]}\n\n' * 50)
    await asyncio.sleep(100)


async def stream_whole(exchange: Exchange) -> None:
    await exchange.send(200, b"data: " + exchange.good + b"\n\ndata: [DONE]\n\n", kind="text/event-stream")


async def reset(exchange: Exchange) -> None:
    exchange.writer.transport.abort()


async def die(exchange: Exchange) -> None:
    os._exit(0)


def refuses(*fields: str, status: int = 400, field_of: Callable[[dict[str, Any]], bool] | None = None) -> Fault:
    """A server that refuses a request that has all these fields, by name, and answers any other well."""

    async def fault(exchange: Exchange) -> None:
        hit = field_of(exchange.body) if field_of else all(exchange.body.get(field) is not None for field in fields)
        said = {
            "message": f"Unsupported parameter: '{fields[0]}' is not supported with this model.",
            "param": fields[0],
        }
        await (exchange.send(status, json.dumps({"error": said})) if hit else exchange.send(200, exchange.good))

    return fault


def _in_schema(word: str) -> Callable[[dict[str, Any]], bool]:
    return lambda body: word in json.dumps(body.get("response_format") or {})


FAULTS: dict[str, Fault] = {
    "html-200": says(200, "<!doctype html><html><body>Please log in</body></html>", kind="text/html"),
    "no-json": says(200, "this is not json \x1b[31m"),
    "no-body": says(200, ""),
    "cut-body": of_good(lambda good: good[:60]),
    "json-null": says(200, "null"),
    "json-array": says(200, "[]"),
    "json-text": says(200, '"ok"'),
    "no-choices": says(200, '{"choices": []}'),
    "choices-null": says(200, '{"choices": null}'),
    "choices-object": says(200, '{"choices": {"0": 1}}'),
    "deep-200": says(200, '{"choices":' + "[" * 200_000),
    "error-200": error(200, "the model is overloaded"),
    "error-text-200": says(200, '{"error": "overloaded"}'),
    "echo-200": echo_in_answer,
    "401": echo(401),
    "403": echo(403),
    "402": error(402, "insufficient credits"),
    "404": error(404, "the model `stub` does not exist"),
    "405": error(405, "no"),
    "408": error(408, "slow"),
    "409": error(409, "busy"),
    "413": error(413, "too large"),
    "422": error(422, "unprocessable"),
    "400": error(400, "context length exceeded"),
    "400-echo": echo(400),
    "500-echo": echo(500),
    "429-echo": echo(429),
    "302-echo": echo(302),
    "500": error(500, "boom"),
    "502": says(502, "<html>bad gateway</html>", kind="text/html"),
    "503": says(503, "unavailable", kind="text/plain"),
    "500-evil": error(500, EVIL),
    "400-evil": error(400, EVIL),
    "404-evil": error(404, EVIL),
    "401-evil": error(401, EVIL),
    "500-deep": says(500, "[" * 100_000),
    "400-deep": says(400, '{"error":' * 50_000),
    "500-number": says(500, '{"error": 1e999}'),
    "500-list": says(500, '{"error": [[["x"]]]}'),
    "400-huge": says(400, json.dumps({"error": {"message": "x" * 5_000_000}})),
    "429": error(429, "slow down", "Retry-After: 1"),
    "429-day": error(429, "slow down", "Retry-After: 86400"),
    "429-nan": error(429, "x", "Retry-After: nan"),
    "429-inf": error(429, "x", "Retry-After: inf"),
    "429-junk": error(429, "x", "Retry-After: soon \x1b[31m"),
    "429-minus": error(429, "x", "Retry-After: -5"),
    "503-year-1": error(503, "x", "Retry-After: Mon, 01 Jan 0001 00:00:00 -0000"),
    "503-year-9999": error(503, "x", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"),
    "999": says(999, "{}"),
    "299": says(299, "{}"),
    "100-only": bytes_only(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "204": bytes_only(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
    "302": redirect,
    "307": lambda exchange: redirect(exchange, 307),
    "301": lambda exchange: redirect(exchange, 301),
    "hang": hang,
    "hang-after-head": silent_after_head,
    "drip": lambda exchange: exchange.chunked(b" ", 200, 0.5),
    "stream": stream,
    "stream-whole": stream_whole,
    "endless": lambda exchange: exchange.chunked(b" " * 65_536, 4000, 0),
    "chunk-huge": bytes_only(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n{}"),
    "length-huge": of_good(bytes, length=10**15),
    "length-junk": bytes_only(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"),
    "length-minus": bytes_only(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"),
    "gzip-bomb": lambda exchange: exchange.send(200, bomb("gzip"), "Content-Encoding: gzip"),
    "deflate-bomb": lambda exchange: exchange.send(200, bomb("deflate"), "Content-Encoding: deflate"),
    "gzip-error-bomb": lambda exchange: exchange.send(500, bomb("gzip"), "Content-Encoding: gzip"),
    "gzip-good": of_good(lambda good: gzip.compress(good), "Content-Encoding: gzip"),
    "gzip-broken": says(200, b"\x1f\x8bgarbage", "Content-Encoding: gzip"),
    "gzip-cut": of_good(lambda good: gzip.compress(good)[:40], "Content-Encoding: gzip"),
    "br": says(200, b"\x0b\x02\x80{}\x03", "Content-Encoding: br"),
    "encoding-odd": of_good(bytes, "Content-Encoding: rot13"),
    "gzip-twice": of_good(lambda good: gzip.compress(gzip.compress(good)), "Content-Encoding: gzip, gzip"),
    "large": says(200, b" " * 3_000_000),
    "reset": reset,
    "short-body": of_good(bytes, length=100_000),
    "head-huge": of_good(bytes, "X-Big: " + "a" * 100_000),
    "head-many": of_good(bytes, *[f"X-{n}: 1" for n in range(3000)]),
    "head-broken": bytes_only(b"HTTP/1.1 200 OK\r\nbroken header line\r\n\r\n{}"),
    "no-http": bytes_only(b"\x00\x01\x02 garbage\r\n\r\n"),
    "http-9": bytes_only(b"HTTP/9.9 200 OK\r\n\r\n{}"),
    "status-junk": bytes_only(b"HTTP/1.1 abc OK\r\n\r\n{}"),
    "bad-utf8": says(200, b'{"choices":[{"message":{"content":"\xff\xfe caf\xe9"}}]}'),
    "utf16": of_good(lambda good: good.decode().encode("utf-16")),
    "bom-json": of_good(lambda good: b"\xef\xbb\xbf" + good),
    "cookie": of_good(bytes, "Set-Cookie: a=" + "b" * 3000),
    "die": die,
    "usage-1e999": of_good(lambda good: good.replace(b'"prompt_tokens": 60', b'"prompt_tokens": 1e999')),
    "usage-Infinity": of_good(lambda good: good.replace(b'"prompt_tokens": 60', b'"prompt_tokens": Infinity')),
    "usage-NaN": of_good(lambda good: good.replace(b'"prompt_tokens": 60', b'"prompt_tokens": NaN')),
    "number-long": of_good(lambda good: good.replace(b'"created": 1', b'"created": ' + b"9" * 6000)),
    "key-twice": of_good(lambda good: good.replace(b'"id": "x"', b'"id": "x", "choices": []')),
    "refuses-seed": refuses("seed"),
    "refuses-max_tokens": refuses("max_tokens"),
    "refuses-top_p": refuses("top_p", "temperature"),
    "refuses-response_format": refuses("response_format"),
    "refuses-json_schema": refuses("response_format.json_schema", field_of=_in_schema("json_schema")),
    "refuses-maxLength": refuses("maxLength", field_of=_in_schema("maxLength")),
    "refuses-system": refuses(
        "system", field_of=lambda body: any(turn.get("role") == "system" for turn in body.get("messages") or [])
    ),
    "refuses-temperature-422": refuses("temperature", status=422),
}

MODELS: dict[str, Fault] = {
    "models-404": error(404, "not found"),
    "models-400": error(400, "no"),
    "models-405": error(405, "no"),
    "models-500": error(500, "boom"),
    "models-401-echo": echo(401),
    "models-403": error(403, "no"),
    "models-html": says(200, "<html>log in</html>", kind="text/html"),
    "models-html-404": says(404, "<html>404</html>", kind="text/html"),
    "models-array": says(200, '[{"id": "stub"}]'),
    "models-empty": says(200, '{"data": []}'),
    "models-number": says(200, '{"data": 5}'),
    "models-null": says(200, "null"),
    "models-ids": says(200, '{"data": ["stub"]}'),
    "models-other": says(200, '{"data": [{"id": "vendor/other"}]}'),
    "models-latest": says(200, '{"data": [{"id": "stub:latest"}]}'),
    "models-prefix": says(200, '{"data": [{"id": "models/stub"}]}'),
    "models-evil": says(200, json.dumps({"data": [{"id": EVIL}]})),
    "models-big": says(
        200, json.dumps({"data": [{"id": f"v/{n}", "about": "x" * 3000} for n in range(500)] + [{"id": "stub"}]})
    ),
    "models-deep": says(200, "[" * 200_000),
    "models-number-long": says(200, '{"data": ' + "9" * 6000 + "}"),
    "models-hang": hang,
    "models-endless": FAULTS["endless"],
    "models-drip": FAULTS["drip"],
    "models-bomb": FAULTS["gzip-bomb"],
    "models-reset": reset,
    "models-redirect": lambda exchange: exchange.send(
        302, "", f"Location: http://127.0.0.1:{exchange.elsewhere}/v1/models"
    ),
    "models-redirect-loop": lambda exchange: exchange.send(302, "", f"Location: {exchange.path}"),
    "models-no-http": FAULTS["no-http"],
    "models-utf8": says(200, b'{"data": [{"id": "\xff"}]}'),
}
