"""Seals: what lets a file say that not one of its bits has changed, without a second file beside it.

A data file (Parquet, safetensors) carries in its metadata the SHA-256 of the whole file, computed with the digits of
that hash as zeros; and the metadata's own text carries a hash of itself, so that a footer can be trusted alone. Small
JSON documents carry a hash of their text. Files from before there were seals have none: their keys tell them apart, so
that a seal which was damaged is never taken for one that never was. Here: bytes and text only. Not here: files.
"""

import hashlib
import json
import re
from collections.abc import Collection
from typing import Any

from unicorn_assets.errors import UserError

_DIGITS = 64
_OPEN = b"0" * _DIGITS
_MARK = b"unicorn-seal:1:"
_TAIL = re.compile(r', "seal": "unicorn-seal:1:[0-9a-f]{64}", "self": "([0-9a-f]{32})"\}\Z')
_SELF = re.compile(r', "self": "([0-9a-f]{32})"\}\n?\Z')


class Damaged(UserError):  # noqa: N818 - a state of a file, as one would say it
    """A file of the lake that is not what was written: truncated, changed, or not its kind of file at all."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"{name} is damaged: {reason}",
            "run `unicorn run`: it sets the file aside and makes it again; `unicorn verify` looks at all files",
        )
        self.name, self.reason = name, reason


# ---- a data file and the text in its metadata


def seal_text(text: str) -> str:
    """A JSON object's text with a hash of itself, and the place that `seal_file` fills with the file's hash."""
    return f'{text[:-1]}, "seal": "{_MARK.decode()}{_OPEN.decode()}", "self": "{_hash(text)}"}}'


def open_text(text: str, keys: Collection[str]) -> tuple[dict[str, Any], bool]:
    """The JSON object of a data file's metadata, and whether it is sealed; ValueError when it was changed.

    `keys`: those that an object without a seal must have, no more and no less.
    """
    found = _TAIL.search(text)
    return _opened(text, found, keys), found is not None


def seal_file(data: bytes) -> bytes:
    """The file with its own hash in the place that `seal_text` kept free in its metadata."""
    at = data.rfind(_MARK + _OPEN)
    if at < 0:
        raise ValueError("the metadata holds no place for a seal")
    at += len(_MARK)
    sealed = bytearray(data)
    sealed[at : at + _DIGITS] = hashlib.sha256(data).hexdigest().encode()
    return bytes(sealed)


def is_whole(data: bytes | memoryview, head: int | None = None) -> bool | None:
    """Whether every bit of a sealed file is as it was written; None when no seal is found.

    The seal is the last of its kind in the file, or within the first `head` bytes where the metadata comes first.
    """
    view = memoryview(data)
    at = bytes(view[:head]).rfind(_MARK) if head is not None else _rfind(view, _MARK)
    if at < 0 or at + len(_MARK) + _DIGITS > len(view):
        return None
    at += len(_MARK)
    hashed = hashlib.sha256(view[:at])
    hashed.update(_OPEN)
    hashed.update(view[at + _DIGITS :])
    return hashed.hexdigest().encode() == bytes(view[at : at + _DIGITS])


def _rfind(view: memoryview, mark: bytes, step: int = 1 << 16) -> int:
    """Last place of `mark`; looks at the end first, where a footer is, and copies little."""
    end = len(view)
    while end > 0:
        start = max(0, end - step)
        at = bytes(view[start : end + len(mark) - 1]).rfind(mark)
        if at >= 0:
            return start + at
        end = start
    return -1


# ---- small JSON documents


def seal_json(plain: dict[str, Any]) -> bytes:
    """A JSON document on one line that carries a hash of itself."""
    text = json.dumps(plain, sort_keys=True, default=str)
    separator = ", " if plain else ""
    return f'{text[:-1]}{separator}"self": "{_hash(text)}"}}\n'.encode()


def open_json(data: bytes, keys: Collection[str]) -> dict[str, Any]:
    """The document of `seal_json`; ValueError when it was changed. `keys`: those that one without a seal must have."""
    text = data.decode("utf-8")
    return _opened(text.removesuffix("\n"), _SELF.search(text), keys)


def _opened(text: str, seal: re.Match[str] | None, keys: Collection[str]) -> dict[str, Any]:
    if seal is not None:
        text = text[: seal.start()] + "}"
        if _hash(text) != seal.group(1):
            raise ValueError("its description was changed")
    try:
        plain = json.loads(text)
    except RecursionError:
        raise ValueError("its description is no JSON") from None
    if not isinstance(plain, dict):
        raise ValueError("its description is no JSON object")
    if seal is None and set(plain) != set(keys):
        raise ValueError("its description has other keys than it must have")
    return plain


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
