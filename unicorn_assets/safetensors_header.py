"""The header of a safetensors file: where its arrays lie and what was noted beside them, read and written.

A file is the header's length (8 bytes, little-endian), the header (JSON), then the arrays. The library safetensors
reads no header of a part of a file, and writes none before all arrays are in memory. Not here: arrays.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

LENGTH = 8
"""Bytes that say how long the header is."""
MOST = 100 << 20
"""Bytes of length and header; more is damage, whatever the length says. The library has the same limit."""
GUESS = 1 << 16
"""Bytes that most headers fit in, so that one request reads them."""
_BYTES = {"U8": 1, "F16": 2}


@dataclass(frozen=True)
class Header:
    """`arrays`: name -> dtype, shape, data_offsets, as the file says, which may lie. `start`: where the data begins."""

    arrays: dict[str, Any]
    metadata: dict[str, str]
    start: int

    def place(self, name: str) -> tuple[int, int]:
        """Where an array begins and ends in the file."""
        begin, end = self.arrays[name]["data_offsets"]
        return self.start + begin, self.start + end


def data_start(first: bytes) -> int:
    """Where the arrays begin, from the first 8 bytes of a file or more; ValueError when no header is so long."""
    start = LENGTH + int.from_bytes(first[:LENGTH], "little")
    if len(first) < LENGTH or start > MOST:
        raise ValueError("it is no safetensors file, or its beginning is damaged")
    return start


def read_header(head: Callable[[int], bytes]) -> Header:
    """The header; `head(size)` gives a file's first bytes, fewer where it is shorter. ValueError when it is none."""
    data = head(GUESS)
    start = data_start(data)
    if start > len(data):
        data = head(start)
    try:
        arrays = json.loads(data[LENGTH:start])
    except RecursionError:
        raise ValueError("its header is nested too deep") from None
    if not isinstance(arrays, dict) or not isinstance(metadata := arrays.pop("__metadata__", {}), dict):
        raise ValueError("its header is no JSON object")
    return Header(arrays, metadata, start)


def head_of(file: IO[bytes]) -> Callable[[int], bytes]:
    """The first bytes of an open file, for `read_header`."""

    def head(size: int) -> bytes:
        file.seek(0)
        return file.read(size)

    return head


def header_bytes(
    arrays: Mapping[str, tuple[str, Sequence[int]]],
    metadata: Mapping[str, str] | None = None,
    *,
    multiple: int = 8,
    least: int = 0,
) -> bytes:
    """Length and header of a file whose arrays, name -> (dtype, shape), follow in this order: U8 and F16.

    It takes a multiple of so many bytes, and at least `least`: the format allows spaces after the JSON.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, (dtype, shape) in arrays.items():
        begin, end = end, end + _BYTES[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, sort_keys=True).encode()
    size = max(least, -(-(LENGTH + len(text)) // multiple) * multiple) - LENGTH
    return size.to_bytes(LENGTH, "little") + text.ljust(size)
