"""One HTTP attempt: a request goes out, an Answer or a Failure comes back; nothing is raised, nothing is retried.

Not here: what a status or an error body means (failure.py).
"""

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from unicorn_assets.llm.client.refused import Adviser
from unicorn_assets.llm.client.unpacking import ACCEPTED, unpack
from unicorn_assets.llm.client.wire import NotAnAnswer, to_answer, to_body
from unicorn_assets.llm.failure import Failure, failure_inside, http_failure
from unicorn_assets.llm.request import Answer, ChatRequest
from unicorn_assets.llm.server_text import excerpt, told
from unicorn_assets.llm.shaping import PLAIN, Shaper
from unicorn_assets.redaction import known_now

CONNECT_S = 10.0


class Transport:
    """An aiohttp session with the limits of the settings; use it as an async context manager."""

    def __init__(
        self, model: str, headers: dict[str, str], timeout_s: float, max_bytes: int, shaper: Shaper = PLAIN
    ) -> None:
        self._model = model
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._shaper = shaper
        # Unpacking is done here, within max_bytes: aiohttp would unpack a bomb whole.
        self._headers = {
            "Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": ACCEPTED, **headers,
        }  # fmt: skip
        self._session: aiohttp.ClientSession | None = None
        self._without_keys = known_now()

    async def __aenter__(self) -> "Transport":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=min(CONNECT_S, self._timeout_s)),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, url: str, request: ChatRequest, key: str, attempt: int) -> Answer | Failure:
        """POST one request; `attempt` counts from 1 and is kept in the answer. Raises nothing but CancelledError."""
        try:
            return await self._ask(url, request, key, attempt)
        except aiohttp.ConnectionTimeoutError:
            within = min(CONNECT_S, self._timeout_s)
            return Failure("connection_lost", f"cannot connect: no connection within {within:g} s", lost=True)
        except TimeoutError:
            return Failure("timeout", f"no answer within {self._timeout_s:g} s")
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            return Failure("connection_lost", _connection_text(error), lost=True)
        except Exception as error:  # whatever a request or a server makes a library say, it is this row's failure
            return Failure("no_exchange", f"the exchange broke off: {_error_text(error)}", server_fault=False)

    async def _ask(self, url: str, request: ChatRequest, key: str, attempt: int) -> Answer | Failure:
        assert self._session is not None
        started = time.monotonic()
        body = to_body(request, self._model, self._shaper)
        async with self._session.post(url, data=body, allow_redirects=False) as response:
            length = response.content_length
            raw = await (self._read(response) if length is None or length > self._max_bytes else response.read())
            status, headers = response.status, response.headers
        if raw is not None and "Content-Encoding" in headers:
            try:
                raw = unpack(raw, headers["Content-Encoding"], self._max_bytes)
            except ValueError as error:
                return Failure("not_an_answer", f"cannot unpack the answer: {error}", server_fault=False)
        if raw is None:
            return Failure("answer_too_large", f"the answer has more than {self._max_bytes} bytes", server_fault=False)
        if not 200 <= status < 300:
            advise = Adviser(request, self._shaper)
            return http_failure(status, raw, headers.get("Retry-After"), _target(headers), advise)
        if status == 200 and b'"error"' in raw and (found := self._inside(request, raw, headers)):
            return found
        try:
            seconds = time.monotonic() - started
            return to_answer(raw, key, self._model, seconds, attempt, self._without_keys)
        except NotAnAnswer as error:
            problem = told(str(error)) if raw else f"an empty response (HTTP {status})"
        except Exception as error:  # a body can be odd in ways that nobody has thought of
            problem = f"cannot be read: {_error_text(error)}"
        streamed = "; the server streams, which was not asked for" if raw.startswith((b"data:", b"event:")) else ""
        return self._inside(request, raw, headers) or Failure(
            "not_an_answer", problem + streamed, told(excerpt(raw)), server_fault=False
        )

    def _inside(self, request: ChatRequest, raw: bytes, headers: Mapping[str, str]) -> Failure | None:
        return failure_inside(raw, headers.get("Retry-After"), Adviser(request, self._shaper))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        """A body of unknown length; None, and the connection dropped, once it is known to be too large."""
        if response.content_length is not None:
            response.close()
            return None
        streams = response.headers.get("Content-Type", "").startswith("text/event-stream")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes:
                response.close()
                return None
            if streams:  # no use in waiting for its end
                response.close()
                break
        return bytes(body)


def _connection_text(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {told(str(error.os_error.strerror or error.os_error))}"
    if isinstance(error, aiohttp.ClientResponseError):  # its own text holds the address
        return f"connection lost: no readable HTTP response: {told(error.message)[:200]}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "connection lost: the response ended before its end"
    return f"connection lost: {_error_text(error)}"


def _error_text(error: BaseException) -> str:
    return told(str(error))[:200] or type(error).__name__


def _target(headers: Mapping[str, str]) -> str:
    """Scheme and host that a redirect leads to; what follows may hold a secret."""
    try:
        parts = urlsplit(headers.get("Location", ""))
        return f"{parts.scheme}://{parts.hostname}" if parts.hostname else parts.path
    except ValueError:
        return ""
