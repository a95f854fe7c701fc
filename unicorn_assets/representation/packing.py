"""Named arrays and a manifest as the bytes of one safetensors file; equal content gives equal bytes.

Safetensors because reading it runs no code. Not here: where the bytes are kept.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from unicorn_assets.errors import UserError

KEY = "unicorn"  # one metadata entry: the order of several is not fixed, and the bytes would differ


def pack(kind: str, manifest: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """Bytes of a safetensors file that says what `kind` of thing it holds."""
    about = json.dumps({"kind": kind, "format": 1, **manifest}, sort_keys=True, ensure_ascii=False)
    ordered = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    return bytes(save(ordered, metadata={KEY: about}))


def unpack(kind: str, data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Manifest and arrays; UserError when the bytes are damaged or hold another kind of thing."""
    try:
        (length,) = struct.unpack("<Q", data[:8])
        about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][KEY])
        tensors: dict[str, NDArray[Any]] = load(data)
    except (struct.error, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(
            f"this is not a readable {kind.replace('_', ' ')} file: {error}", "make it again; it is damaged or foreign"
        ) from None
    if about.get("kind") != kind or about.get("format") != 1:
        raise UserError(
            f"expected a {kind.replace('_', ' ')}, found {about.get('kind')!r} in format {about.get('format')}",
            "give the right file, or one made by this version",
        )
    return about, tensors


def content_hash(data: bytes) -> str:
    """16 hexadecimal digits that name these bytes."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()
