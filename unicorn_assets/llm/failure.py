"""What an attempt that gave no answer means: from a status, a body and a header to a Failure.

Whatever a server sends becomes words here; nothing is raised. Not here: the network (client/transport.py), what a run
does about a failure (client/core.py), which key of the recipe helps against a refused field (client/refused.py).
"""

import email.utils
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from pydantic_core import from_json

from unicorn_assets.llm.server_text import excerpt, message_in, server_message, told

LONGEST_RETRY_AFTER_S = 7 * 86_400.0
"""Nobody waits longer; it keeps a time of the year 9999 a time that clocks can hold."""


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


Advice = Callable[[bytes, str], str | None]
"""From an error body and its message to what the recipe should say, or None."""


def http_failure(
    status: int, raw: bytes, retry_after: str | None = None, where: str = "", advise: Advice | None = None
) -> Failure:
    """What a response with an error status means; `where` is the address that a redirect leads to."""
    reason, said, shown = f"http_{status}", server_message(raw), told(excerpt(raw))
    if status in (401, 403):
        return Failure(
            reason, f"refuses the key (HTTP {status}): {said}", shown, refusal=True, server_fault=False, fatal=True,
            hint="set the environment variable that the recipe's llm.api_key_env names to a valid key.",
        )  # fmt: skip
    if status == 402:
        return Failure(
            reason, f"wants to be paid first (HTTP {status}): {said}", shown, refusal=True, server_fault=False,
            fatal=True, hint="look at the account's balance, then run again: finished answers are kept.",
        )  # fmt: skip
    if 300 <= status < 400:
        return Failure(
            reason, f"sends requests on to {told(where)[:200] or 'nowhere'} (HTTP {status})", shown,
            refusal=True, server_fault=False, fatal=True,
            hint="if you trust that address, write it as llm.url; redirects are never followed.",
        )  # fmt: skip
    if status in (408, 429):
        return Failure(reason, f"HTTP {status}: {said}", shown, retry_after=parse_retry_after(retry_after))
    advice = advise(raw, said) if advise is not None else None
    if advice is not None:
        return Failure(
            reason if status != 400 else "bad_request", f"refuses a part of the request (HTTP {status}): {said}", shown,
            refusal=True, server_fault=False, fatal=True, hint=advice,
        )  # fmt: skip
    if status in (404, 405):
        return Failure(
            reason, f"does not serve this model under this address (HTTP {status}): {said}", shown, refusal=True,
            server_fault=False, fatal=True, hint="check llm.url and llm.model in the recipe.",
        )  # fmt: skip
    if status >= 500:
        return Failure(reason, f"HTTP {status}: {said}", shown, retry_after=parse_retry_after(retry_after))
    return Failure("bad_request" if status == 400 else reason, f"HTTP {status}: {said}", shown, True, False)


def failure_inside(raw: bytes, retry_after: str | None, advise: Advice | None = None) -> Failure | None:
    """The error in the body of a response 200, as gateways send it for a model server that failed behind them; None
    when there is none. Its own code counts as the status; without one it is the server's fault and worth a retry.
    """
    try:
        body = from_json(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    error = body.get("error") or (first.get("error") if isinstance(first, dict) else None)
    if error:
        status = _status_of(error)
        if status is not None and error is body.get("error"):
            return http_failure(status, raw, retry_after, advise=advise)
        said = message_in(error) or told(excerpt(raw, 300))
        return Failure("server_error", f"an error instead of an answer (HTTP 200): {said}", told(excerpt(raw)))
    if "choices" in body and not choices:
        return Failure("server_error", "a response without any choice (HTTP 200)", told(excerpt(raw)))
    return None


def _status_of(error: Any) -> int | None:
    code = error.get("code") or error.get("status") if isinstance(error, dict) else None
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 3:
        code = int(code)
    return code if isinstance(code, int) and 400 <= code <= 599 else None


def parse_retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header: a number, or an HTTP date; None when absent or unreadable. Never more than
    LONGEST_RETRY_AFTER_S.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = email.utils.parsedate_to_datetime(value)
            seconds = (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp() - time.time()
        except Exception:  # the parser of dates fails in many ways
            return None
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER_S) if math.isfinite(seconds) else None
