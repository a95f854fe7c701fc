"""Asking a server what it is before a run, with messages a person can act on. Synchronous and bounded in time."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from unicorn_assets.errors import UserError

# A proxy from the environment is for the outside world; model servers are addressed directly, as the engine does.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get_json(url: str, headers: Mapping[str, str], timeout_s: float) -> tuple[int, Any]:
    """(HTTP status, parsed body or None); raises OSError when there is no HTTP answer."""
    request = urllib.request.Request(url, headers=dict(headers))
    try:
        with _OPENER.open(request, timeout=timeout_s) as response:
            status, raw = response.status, response.read(1 << 20)
    except urllib.error.HTTPError as error:
        with error:
            status, raw = error.code, error.read(1 << 16)
    try:
        return status, json.loads(raw)
    except ValueError:
        return status, None


def alive(base_url: str, headers: Mapping[str, str], timeout_s: float = 3.0) -> bool:
    """Whether a server answers at all (any status below 500)."""
    try:
        return get_json(f"{base_url}/models", headers, timeout_s)[0] < 500
    except OSError:
        return False


def check_server(
    base_url: str, model: str, headers: Mapping[str, str], key_env: str | None, timeout_s: float = 10.0
) -> None:
    """Raise UserError when the server is absent, refuses the key, or does not offer the model."""
    try:
        status, body = get_json(f"{base_url}/models", headers, timeout_s)
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise UserError(
            f"No server answers at {base_url} (llm.url): {reason}", "start it, or correct llm.url in the recipe."
        ) from error
    if status in (401, 403):
        key = f"the key in ${key_env}" if key_env else "a request without a key"
        hint = f"export {key_env} with a valid key." if key_env else "name the variable that holds it: llm.api_key_env."
        raise UserError(f"The server at {base_url} refuses {key} (HTTP {status}).", hint)
    if status >= 500:
        raise UserError(
            f"The server at {base_url} is not healthy (HTTP {status}).", "look into its log, then run again."
        )
    if status != 200 or not isinstance(body, dict):
        if status == 200 or status == 404:
            raise UserError(
                f"{base_url} is no OpenAI-compatible server: GET /models gave "
                + ("no JSON" if status == 200 else f"HTTP {status}") + ".",
                "llm.url is the address before /chat/completions, for example http://host:8000/v1.",
            )  # fmt: skip
        return  # some gateways offer no list of models; the first request will tell
    offered = [str(entry.get("id")) for entry in body.get("data") or [] if isinstance(entry, dict)]
    if offered and model not in offered:
        shown = ", ".join(offered[:5]) + (", ..." if len(offered) > 5 else "")
        raise UserError(f"The server at {base_url} has no model '{model}'; it offers: {shown}.", "correct llm.model.")
