"""What servers say, made fit for people: one line, no secrets, nothing that steers a terminal.

Not here: what an error means (failure.py), what an answer says (client/wire.py).
"""

from typing import Any

from pydantic_core import from_json

from unicorn_assets.redaction import redact


def excerpt(raw: bytes, limit: int = 2000) -> str:
    """The start of a body as one line of text without secrets, for messages and the quarantine."""
    return redact(" ".join(raw[:limit].decode("utf-8", "replace").split()))


def told(text: str) -> str:
    """Text of a server as one line for people: no control characters or marks that change a terminal, no secrets."""
    return " ".join(redact("".join(c if c.isprintable() else " " for c in text)).split())


def server_message(raw: bytes) -> str:
    """What the server says in an error body ({"error": {"message": ...}} or whatever it sent), short, for people."""
    try:
        body = from_json(raw)
        said = message_in(body.get("error") or body)
    except (ValueError, AttributeError, RecursionError):
        said = ""
    return said or told(excerpt(raw))[:300]


def message_in(error: Any) -> str:
    """The words of an error object, or of whatever stands in its place; empty when it has none."""
    said = (error.get("message") or error.get("detail") or "") if isinstance(error, dict) else error
    try:
        return told(str(said)[:2000])[:300]
    except ValueError:  # a number of thousands of digits
        return ""
