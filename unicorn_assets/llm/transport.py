"""One HTTP attempt: a request goes out, an Answer or a Failure comes back; nothing is raised, nothing is retried."""

import asyncio
import email.utils
import time
from dataclasses import dataclass

import aiohttp

from unicorn_assets.llm.request import Answer, ChatRequest
from unicorn_assets.llm.wire import NotAnAnswer, excerpt, server_message, to_answer, to_body


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt gave no answer. `refusal`: asking again is useless; `server_fault`: the server may be overloaded;
    `lost`: no HTTP response at all; `fatal`: wrong for every row; `retry_after` in seconds.
    """

    reason: str
    detail: str
    excerpt: str = ""
    refusal: bool = False
    server_fault: bool = True
    lost: bool = False
    fatal: bool = False
    hint: str = ""
    retry_after: float | None = None


class Transport:
    """An aiohttp session with the limits of the settings; use it as an async context manager."""

    def __init__(self, model: str, headers: dict[str, str], timeout_s: float, max_bytes: int) -> None:
        self._model = model
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Transport":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=min(10.0, self._timeout_s)),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, url: str, request: ChatRequest, key: str, attempt: int) -> Answer | Failure:
        """POST one request; `attempt` counts from 1 and is kept in the answer."""
        assert self._session is not None
        started = time.monotonic()
        try:
            async with self._session.post(url, data=to_body(request, self._model), allow_redirects=False) as response:
                length = response.content_length
                raw = await (self._read(response) if length is None or length > self._max_bytes else response.read())
                status, headers = response.status, response.headers
        except TimeoutError:
            return Failure("timeout", f"no answer within {self._timeout_s:g} s")
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            return Failure("connection_lost", _connection_text(error), lost=True)
        if raw is None:
            return Failure("answer_too_large", f"the answer has more than {self._max_bytes} bytes", server_fault=False)
        if status != 200:
            return _http_failure(status, raw, headers.get("Retry-After"))
        try:
            return to_answer(raw, key, self._model, time.monotonic() - started, attempt)
        except NotAnAnswer as error:
            return Failure("not_an_answer", str(error), excerpt(raw), server_fault=False)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        """A body of unknown length; None, and the connection dropped, once it is known to be too large."""
        if response.content_length is not None:
            response.close()
            return None
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes:
                response.close()
                return None
        return bytes(body)


def _connection_text(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error.strerror or error.os_error}"
    return f"connection lost: {str(error) or type(error).__name__}"


def _http_failure(status: int, raw: bytes, retry_after: str | None) -> Failure:
    reason, said, shown = f"http_{status}", server_message(raw), excerpt(raw)
    if status in (401, 403):
        return Failure(
            reason, f"refuses the key (HTTP {status}): {said}", shown, refusal=True, server_fault=False, fatal=True,
            hint="set the environment variable that the recipe's llm.api_key_env names to a valid key.",
        )  # fmt: skip
    if status in (301, 302, 307, 308, 404, 405):
        return Failure(
            reason, f"does not serve this model under this address (HTTP {status}): {said}", shown, refusal=True,
            server_fault=False, fatal=True, hint="check llm.url and llm.model in the recipe.",
        )  # fmt: skip
    if status in (408, 429) or status >= 500:
        return Failure(reason, f"HTTP {status}: {said}", shown, retry_after=parse_retry_after(retry_after))
    return Failure("bad_request" if status == 400 else reason, f"HTTP {status}: {said}", shown, True, False)


def parse_retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header: a number, or an HTTP date; None when absent or unreadable."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
