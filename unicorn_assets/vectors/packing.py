"""Named arrays and a manifest as the bytes of one safetensors file; equal content gives equal bytes.

Safetensors because reading it runs no code. Not here: where the bytes are kept.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from unicorn_assets.errors import UserError
from unicorn_assets.safetensors_header import read_header

MOST_NUMBER = 1e6  # of vectors of unit length, their means and what is fitted on these
MOST_DIMENSION = 1 << 20
KEY = "unicorn"  # one metadata entry: the order of several is not fixed, and the bytes would differ


def pack(kind: str, manifest: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """Bytes of a safetensors file that says what `kind` of thing it holds."""
    about = json.dumps({"kind": kind, "format": 1, **manifest}, sort_keys=True, ensure_ascii=False)
    ordered = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    return bytes(save(ordered, metadata={KEY: about}))


def unpack(kind: str, data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Manifest and arrays; UserError when the bytes are damaged or hold another kind of thing."""
    with readable(kind):
        about = json.loads(read_header(lambda size: data[:size]).metadata[KEY])
        tensors: dict[str, NDArray[Any]] = load(data)
        if about.get("kind") != kind or about.get("format") != 1:
            raise UserError(
                f"expected a {kind.replace('_', ' ')}, found {about.get('kind')!r} in format {about.get('format')}",
                "give the right file, or one made by this version",
            )
    return about, tensors


@contextmanager
def readable(kind: str) -> Iterator[None]:
    """Whatever goes wrong in here is a UserError that says that the file is none of this kind."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # what a damaged or foreign file can make happen has no end
        said = " ".join(f"{error.__class__.__name__}: {error}".split())[:300]
        raise UserError(
            f"this is not a readable {kind.replace('_', ' ')} file: {said}", "make it again; it is damaged or foreign"
        ) from None


def finite(tensors: Mapping[str, NDArray[Any]], name: str, shape: Sequence[int | None]) -> NDArray[np.float64]:
    """A tensor as float64; ValueError unless it is there, has this shape (None: any) and reasonable numbers."""
    found = tensors.get(name)
    if found is None:
        raise ValueError(f"{name} is missing")
    if len(found.shape) != len(shape) or any(
        want not in (None, is_) for want, is_ in zip(shape, found.shape, strict=True)
    ):
        raise ValueError(f"{name} has the shape {found.shape}")
    if not np.issubdtype(found.dtype, np.floating):
        raise ValueError(f"{name} is of type {found.dtype}")
    numbers: NDArray[np.float64] = found.astype(np.float64)
    if not (np.abs(numbers) < MOST_NUMBER).all():
        raise ValueError(f"{name} holds NaN, Inf or numbers beyond {MOST_NUMBER:,.0f}")
    return numbers


def whole(value: Any, least: int, most: int, name: str) -> int:
    """A whole number of a manifest; ValueError when it is something else or out of bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} is {value!r}"[:80])
    return value


def content_hash(data: bytes) -> str:
    """16 hexadecimal digits that name these bytes."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()
