"""Where each answer lies: sorted arrays of keys with part, offset and slot; 26 bytes an answer, found by bisection.

A table is either made in memory or read from an index file, which holds the same arrays behind a JSON header and is
memory-mapped. An index is only a shortcut: it names the parts it covers, and everything can be rebuilt from those.
"""

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

INDEX_MAGIC = b"UNICORN-INDEX-1\n"
_HEAD = struct.Struct("<16sII")  # magic, length of the JSON header, its CRC-32
COLUMNS: tuple[tuple[str, str], ...] = (
    ("high", "<u8"),
    ("low", "<u8"),
    ("part", "<u4"),
    ("offset", "<u4"),
    ("slot", "<u2"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A part's number in the table's list of parts, the block's byte offset, the answer's position in the block."""

    part: int
    offset: int
    slot: int


@dataclass(slots=True)
class KeyTable:
    """Arrays of length n, sorted by (high, low), the two halves of a 16-byte key; `parts` maps names to sizes."""

    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint64]
    part: npt.NDArray[np.uint32]
    offset: npt.NDArray[np.uint32]
    slot: npt.NDArray[np.uint16]
    parts: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.high)

    def find(self, key: bytes) -> Place | None:
        """The place of a 16-byte key."""
        if not len(self.high):
            return None
        high, low = np.uint64(int.from_bytes(key[:8], "big")), np.uint64(int.from_bytes(key[8:], "big"))
        at = int(self.high.searchsorted(high))
        while at < len(self.high) and self.high[at] == high:
            if self.low[at] == low:
                return Place(int(self.part[at]), int(self.offset[at]), int(self.slot[at]))
            at += 1
        return None

    def without(self, gone: Sequence[int]) -> "KeyTable":
        """The table less the answers of some parts; part numbers stay as they are."""
        keep = ~np.isin(self.part, np.asarray(gone, dtype=np.uint32))
        return _table([getattr(self, name)[keep] for name, _ in COLUMNS], self.parts)

    def only(self, numbers: Sequence[int]) -> "KeyTable":
        """The answers of some parts; part numbers stay as they are."""
        keep = np.isin(self.part, np.asarray(numbers, dtype=np.uint32))
        return _table([getattr(self, name)[keep] for name, _ in COLUMNS], self.parts)


def _table(columns: Sequence[npt.NDArray[Any]], parts: dict[str, int]) -> KeyTable:
    high, low, part, offset, slot = columns
    return KeyTable(high, low, part, offset, slot, parts)


def empty_table() -> KeyTable:
    """No answers, no parts."""
    return _table([np.empty(0, dtype) for _, dtype in COLUMNS], {})


def unsorted_table(keys: bytes, part: int, offsets: Sequence[int], counts: Sequence[int]) -> KeyTable:
    """A table of the blocks of one part, in their order: all keys, each block's offset and number of answers.

    Only merge() makes it searchable.
    """
    halves = np.frombuffer(keys, dtype=">u8").reshape(-1, 2)
    per_block = np.asarray(counts, dtype="<u4")
    first = np.cumsum(per_block) - per_block
    return KeyTable(
        halves[:, 0].astype("<u8"),
        halves[:, 1].astype("<u8"),
        np.full(len(halves), part, "<u4"),
        np.repeat(np.asarray(offsets, dtype="<u4"), per_block),
        (np.arange(len(halves)) - np.repeat(first, per_block)).astype("<u2"),
    )


def merge(tables: Sequence[KeyTable], parts: dict[str, int]) -> KeyTable:
    """One sorted table; of answers with the same key it keeps the first. All tables number parts alike."""
    if not tables:
        return _table([np.empty(0, dtype) for _, dtype in COLUMNS], parts)
    high = np.concatenate([table.high for table in tables])
    low = np.concatenate([table.low for table in tables])
    order = np.lexsort((low, high)) if len(tables) > 1 or not _is_sorted(high) else np.arange(len(high))
    high, low = high[order], low[order]
    first = np.ones(len(order), bool)
    first[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    rest = [np.concatenate([getattr(table, name) for table in tables])[order][first] for name, _ in COLUMNS[2:]]
    return _table([high[first], low[first], *rest], parts)


def _is_sorted(high: npt.NDArray[np.uint64]) -> bool:
    return bool(np.all(high[1:] > high[:-1]))


def index_bytes(table: KeyTable) -> Iterator[bytes]:
    """The index file's bytes, column by column."""
    columns = [np.ascontiguousarray(getattr(table, name), dtype) for name, dtype in COLUMNS]
    crc = 0
    for column in columns:
        crc = zlib.crc32(column.data, crc)
    header = json.dumps({"n": len(table), "crc": crc, "parts": list(table.parts.items())}).encode()
    header += b" " * (-(len(header) + _HEAD.size) % 64)  # the arrays begin aligned
    yield _HEAD.pack(INDEX_MAGIC, len(header), zlib.crc32(header))
    yield header
    for column in columns:
        yield bytes(column.data)


def read_index(buffer: Any) -> KeyTable:
    """The table over an index file's buffer, not copied; raises ValueError when a byte is wrong or missing."""
    view = memoryview(buffer)
    if len(view) < _HEAD.size:
        raise ValueError("too short")
    magic, length, crc = _HEAD.unpack_from(view, 0)
    header_bytes = bytes(view[_HEAD.size : _HEAD.size + length])
    if magic != INDEX_MAGIC or len(header_bytes) != length or zlib.crc32(header_bytes) != crc:
        raise ValueError("damaged header")
    header = json.loads(header_bytes)
    n, at, check, arrays = int(header["n"]), _HEAD.size + length, 0, []
    for _, dtype in COLUMNS:
        end = at + n * np.dtype(dtype).itemsize
        if end > len(view):
            raise ValueError("cut off")
        check = zlib.crc32(view[at:end], check)
        arrays.append(np.frombuffer(view[at:end], dtype))
        at = end
    if check != header["crc"]:
        raise ValueError("wrong checksum")
    return _table(arrays, {str(name): int(size) for name, size in header["parts"]})
