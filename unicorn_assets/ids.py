"""Identities made from content, and randomness made from identities.

The same row gets the same id and the same random numbers wherever and whenever it is computed.
"""

import hashlib
import json
import random
from typing import Any

_JSON = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest(value: Any, size: int = 16) -> str:
    """Hex digest of `size` bytes (BLAKE2b) of any JSON-serialisable value; key order does not matter."""
    return hashlib.blake2b(_JSON.encode(value).encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()


def content_id(prefix: str, *parts: str) -> str:
    """Row id from what the row is made of: one letter and 16 hex digits (64 bits).

    At 1.2 million rows the chance of any collision is about 4e-8; the checks count duplicate keys all the same.
    """
    return prefix + digest(list(parts), 8)


def seed_of(*parts: str | int) -> int:
    """A 31-bit seed derived from the given parts (row id, purpose, attempt)."""
    return int(digest([str(part) for part in parts], 4), 16) & 0x7FFFFFFF


def rng_of(*parts: str | int) -> random.Random:
    """A random generator of its own for a row and a purpose."""
    return random.Random(seed_of(*parts))
