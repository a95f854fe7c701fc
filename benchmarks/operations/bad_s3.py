"""A lake on an S3 server behind a proxy that answers 503, resets and cuts bodies; what is stored must be right.

The same recipe is run twice: on a disk, and on moto's S3 server through the proxy, as often as it takes. Then the
bucket is read without the proxy.

s3_failed_requests_share: of all requests, those that the proxy spoiled; s3_harm: shards, artifacts and releases that
differ from the disk's, files that `unicorn verify` names, and answers of the LLM that were paid for twice.
"""

import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from s3fs import S3FileSystem
from same import differences

from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.finished import finished, unicorn
from unicorn_assets_tests.loopback import Served
from unicorn_assets_tests.servers import S3Server, s3_server

SHARE = 0.15
FAULTS = ("503", "500", "reset before", "reset after", "cut answer", "cut upload")
HOP = {"transfer-encoding", "connection", "keep-alive", "expect"}
BUSY = "<?xml version='1.0'?><Error><Code>{}</Code><Message>spoiled by the proxy</Message></Error>"


class Proxy(Served):
    """Passes requests on to `url`, and spoils some. `seen` and `spoiled` count them."""

    def __init__(self, url: str, share: float = SHARE) -> None:
        super().__init__()
        self._to, self.share, self._draw = url, share, random.Random(5)
        self.seen, self.spoiled = Counter[str](), Counter[str]()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._pass)
        app.cleanup_ctx.append(self._client)
        return app

    async def _client(self, _: web.Application) -> AsyncIterator[None]:
        async with ClientSession(auto_decompress=False) as self._session:
            yield

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        self.seen[request.method] += 1
        fault = self._draw.choice(FAULTS) if self._draw.random() < self.share else ""
        if fault:
            self.spoiled[fault] += 1
        if fault in ("503", "500"):
            await request.read()
            return web.Response(
                status=int(fault), text=BUSY.format("SlowDown" if fault == "503" else "InternalError"),
                content_type="application/xml",
            )  # fmt: skip
        if fault == "reset before":
            return self._reset(request)
        body = await request.read()
        if fault == "cut upload":
            # What came is not all of it: a server that got half a body does not store it, nor does one that got none.
            return self._reset(request)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        async with self._session.request(
            request.method, self._to + request.raw_path, data=body, headers=headers, allow_redirects=False
        ) as answer:  # fmt: skip
            content = await answer.read()
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
        if fault == "reset after":
            return self._reset(request)
        if request.method == "HEAD":
            content = b""
        response = web.StreamResponse(status=answer.status, headers=kept)
        if "Content-Length" not in kept:
            response.content_length = len(content)
        await response.prepare(request)
        if fault == "cut answer":
            await response.write(content[: len(content) // 2])
            return self._reset(request)
        await response.write(content)
        await response.write_eof()
        return response

    def _reset(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


def bad_s3(_: int, folder: Path, rows: int = 120, tries: int = 10) -> dict[str, Any]:
    """One data set on a disk and on S3 through the proxy, compared."""
    server = s3_server.__wrapped__()  # type: ignore[attr-defined]
    s3: S3Server = next(server)
    bucket = s3.make_bucket("spoiled")
    try:
        with finished(folder, rows) as data, Proxy(s3.url) as proxy:
            disk, asked = Lake(str(data.home / "lake")), data.server.calls
            os.environ.update(s3.environment | {"AWS_ENDPOINT_URL_S3": proxy.url})
            ends, said = [], []
            for number in range(tries):
                S3FileSystem.clear_instance_cache()
                done = data.run(folder / f"home-{number}", "--lake", f"{bucket}/lake")
                ends.append(done.exit_code)
                said += [done.output[-600:]] if done.exit_code else []
                if not done.exit_code:
                    break
            again = data.server.calls - 2 * asked
            os.environ["AWS_ENDPOINT_URL_S3"] = s3.url
            S3FileSystem.clear_instance_cache()
            there = Lake(f"{bucket}/lake")
            differing = differences(disk, there)
            verified = unicorn(folder / f"home-{number}", "verify", "--lake", f"{bucket}/lake")
    finally:
        server.close()
    spoiled, seen = proxy.spoiled.total(), proxy.seen.total()
    return {
        "s3_failed_requests_share": round(spoiled / seen, 4),
        "s3_harm": len(differing) + (verified.exit_code != 0) + max(0, again),
        "s3_requests": seen, "s3_spoiled": dict(proxy.spoiled), "s3_ends_of_runs": ends, "s3_asked_again": again,
        "s3_differing": differing[:10], "s3_said": said[:3],
        "s3_verify": "" if not verified.exit_code else verified.output[-600:],
    }  # fmt: skip
