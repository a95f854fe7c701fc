"""Asking a server what it is before a run, with messages a person can act on. Synchronous and bounded in time."""

import difflib
import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import from_json

from unicorn_assets.errors import UserError
from unicorn_assets.llm.address import Address
from unicorn_assets.llm.server_text import told

MOST_BYTES = 16 << 20
"""Of a list of models; one of a large gateway has 1.4 MB."""
CONNECT_S = 3.0


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the key along to whoever it names."""

    def redirect_request(self, *_: Any) -> None:
        return None


# A proxy from the environment is for the outside world; model servers are addressed directly, as the engine does.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


def get_json(url: str, headers: Mapping[str, str], timeout_s: float) -> tuple[int, Any]:
    """(HTTP status, parsed body or None), in at most about twice `timeout_s`; raises OSError when there is no HTTP
    answer. Redirects are not followed.
    """
    deadline = time.monotonic() + timeout_s
    try:
        request = urllib.request.Request(url, headers=dict(headers))
        try:
            with OPENER.open(request, timeout=timeout_s) as response:
                return response.status, _parsed(_read(response, deadline))
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _parsed(_read(error, deadline))
    except (http.client.HTTPException, ValueError) as error:  # no HTTP, or more headers than anybody needs
        raise ConnectionError(f"no HTTP answer ({type(error).__name__})") from error


def _read(response: Any, deadline: float) -> bytes:
    """As much of a body as comes in time and within MOST_BYTES."""
    body = bytearray()
    try:
        while piece := response.read1(65536):
            body += piece
            if len(body) > MOST_BYTES or time.monotonic() > deadline:
                return b""
    except (OSError, http.client.HTTPException, ValueError):
        return b""
    return bytes(body)


def _parsed(raw: bytes) -> Any:
    try:
        return from_json(raw)
    except (ValueError, RecursionError):
        return None


def alive(url: str, headers: Mapping[str, str], timeout_s: float = 3.0) -> bool:
    """Whether a server answers at `url` at all (any status below 500)."""
    try:
        return get_json(url, headers, timeout_s)[0] < 500
    except OSError:
        return False


def check_server(
    address: Address, model: str, headers: Mapping[str, str], key_env: str | None, timeout_s: float = 10.0
) -> str | None:
    """Raise UserError when the server is absent or refuses the key; a warning in words when its list of models says
    nothing, or nothing of `model`: lists are often missing or incomplete, and the first request will tell.
    """
    try:
        status, body = get_json(address.at("/models"), headers, timeout_s)
    except OSError as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError) or not _connects(address.base):
            raise UserError(
                f"No server answers at {address.base} (llm.url): {told(str(reason))}",
                "start it, or correct llm.url in the recipe.",
            ) from error
        return _warning(address, f"GET /models gave no answer ({told(str(reason))[:200]})")
    if status in (401, 403):
        if _chat_status(address, headers, timeout_s) in (401, 403):
            key = f"the key in ${key_env}" if key_env else "a request without a key"
            hint = (
                f"export {key_env} with a valid key."
                if key_env
                else "name the variable that holds it: llm.api_key_env."
            )
            raise UserError(f"The server at {address.base} refuses {key} (HTTP {status}).", hint)
        return _warning(address, f"its list of models is not for this key (HTTP {status})")
    if status >= 500 and (_chat_status(address, headers, timeout_s) or 500) >= 500:
        raise UserError(
            f"The server at {address.base} is not healthy (HTTP {status}).", "look into its log, then run again."
        )
    if status != 200:
        return _warning(address, f"GET /models gave HTTP {status}")
    offered = _offered(body)
    if offered is None:
        return _warning(address, "GET /models gave no list of models")
    if not offered:
        return _warning(address, "its list of models is empty")
    if _bare(model) in {_bare(name) for name in offered}:
        return None
    nearest = difflib.get_close_matches(model, offered[:2000], 3, 0.3) or offered[:3]
    shown = ", ".join(told(name)[:80] for name in nearest)
    return _warning(address, f"it lists no model '{told(model)}', but {_others(len(offered))}, such as {shown}")


def _others(count: int) -> str:
    return "another" if count == 1 else f"{count:,} others"


def _warning(address: Address, what: str) -> str:
    return f"The server at {address.base}: {what}; it is asked all the same, and its first answer tells."


def _offered(body: Any) -> list[str] | None:
    """The ids of a list of models, in OpenAI's form or as a bare array (of objects or names)."""
    entries = body.get("data", body.get("models")) if isinstance(body, dict) else body
    if not isinstance(entries, list):
        return None
    names = [entry.get("id", entry.get("name")) if isinstance(entry, dict) else entry for entry in entries]
    return [name for name in names if isinstance(name, str)]


def _bare(name: str) -> str:
    """A model's name without what some servers put around it."""
    return name.removeprefix("models/").removesuffix(":latest")


def _chat_status(address: Address, headers: Mapping[str, str], timeout_s: float) -> int | None:
    """What a GET of the address for chats gives: most servers look at the key first, and none generates anything."""
    try:
        return get_json(address.at("/chat/completions"), headers, timeout_s)[0]
    except OSError:
        return None


def _connects(base_url: str) -> bool:
    """Whether anybody takes connections there."""
    parts = urlsplit(base_url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), CONNECT_S):
            return True
    except OSError:
        return False
