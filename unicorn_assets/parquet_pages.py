"""Parquet files of strangers, opened so that no page unpacks to more than it may.

A page is unpacked whole, however few rows are asked for, and a few bytes can say that it holds gigabytes or thousands
of millions of values. Only the headers of pages tell, not what the file says of itself at its end. So the headers of
each column's part are read on its way to pyarrow. Not here: which columns, and what their values mean.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MOST_FOOTER = 16 << 20  # bytes: unpacked, it takes some 25 times as much
MOST_CHUNKS = 1_000_000  # parts of columns
FREE_PAGE, MOST_PAGE = 16 << 20, 1 << 30
"""Bytes of an unpacked page: of any, and of one that is packed at most fourfold."""
_MOST_PACKED = 4
FREE_VALUES, VALUES_PER_BYTE = 1 << 20, 64
"""Values in a column's part: as many as this, or as many per byte."""

_DATA_HEADERS = (5, 8)  # fields of a page's header: of the first and of the second version


@contextmanager
def open_parquet(raw: Any, free_values: int = FREE_VALUES, **options: Any) -> Iterator[Any]:
    """A pyarrow ParquetFile over an open binary file. ValueError, here or in reading, where a page claims too much.

    `free_values` is for columns that may well say the same in millions of rows.
    """
    import pyarrow.parquet as pq

    guard = _Guard(raw, free_values)
    with pq.ParquetFile(guard, pre_buffer=False, **options) as opened:
        guard.know(opened.metadata)
        yield opened


class _Guard(io.RawIOBase):
    """A file that looks at what is read from it: at pages' headers, wherever the part of a column begins."""

    def __init__(self, raw: Any, free_values: int) -> None:
        self._raw, self._free_values, self._starts = raw, free_values, dict[int, int]()
        size = raw.seek(0, io.SEEK_END)
        raw.seek(max(0, size - 8))
        footer = int.from_bytes(raw.read(8)[:4], "little")
        if MOST_FOOTER < footer <= size:
            raise ValueError(f"its description of {footer >> 20} MiB is larger than {MOST_FOOTER >> 20} MiB")
        raw.seek(0)

    def know(self, metadata: Any) -> None:
        """Take in where the parts of columns are."""
        groups, columns = metadata.num_row_groups, metadata.num_columns
        if groups * columns > MOST_CHUNKS:
            raise ValueError(f"it has {groups:,} groups of rows in {columns:,} columns")
        for group in map(metadata.row_group, range(groups)):
            for column in map(group.column, range(columns)):
                first = column.data_page_offset
                if column.has_dictionary_page and 0 < (column.dictionary_page_offset or 0) < first:
                    first = column.dictionary_page_offset
                self._starts[first] = column.total_compressed_size

    def read(self, size: int = -1) -> bytes:
        at = self._raw.tell()
        data: bytes = self._raw.read(size)
        if at in self._starts:
            check_pages(memoryview(data)[: max(0, self._starts[at])], self._free_values)
        return data

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        found: int = self._raw.seek(place, whence)
        return found

    def tell(self) -> int:
        found: int = self._raw.tell()
        return found

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def check_pages(data: memoryview, free_values: int = FREE_VALUES) -> None:
    """ValueError when a page of a column's part unpacks to more, or holds more values, than it may."""
    at, values = 0, 0
    while at < len(data):
        unpacked, packed, count, at = _header(data, at)
        if packed < 0 or unpacked < 0 or count < 0:
            raise ValueError("a page has a size below zero")
        if unpacked > max(FREE_PAGE, min(MOST_PAGE, _MOST_PACKED * packed)):
            raise ValueError(f"a page of {packed:,} bytes unpacks to {unpacked:,}")
        values += count
        at += packed
    if values > max(free_values, VALUES_PER_BYTE * len(data)):
        raise ValueError(f"{len(data):,} bytes of a column hold {values:,} values")


def _header(data: memoryview, at: int) -> tuple[int, int, int, int]:
    """(bytes unpacked, bytes packed, values, where the page begins): Thrift's compact form, PageHeader."""
    try:
        fields, at = _struct(data, at, 0)
    except (IndexError, OverflowError):
        raise ValueError("a page's header is damaged") from None
    inner: dict[int, Any] = next((fields[key] for key in _DATA_HEADERS if isinstance(fields.get(key), dict)), {})
    numbers = [fields.get(key, -1) for key in (2, 3)]
    if not all(isinstance(one, int) for one in (*numbers, inner.get(1, 0))):
        raise ValueError("a page's header is damaged")
    return numbers[0], numbers[1], inner.get(1, 0), at


def _struct(data: memoryview, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """(numbers and structs by field, where it ends); everything else is passed over."""
    if depth > 8:
        raise ValueError("a page's header is damaged")
    fields: dict[int, Any] = {}
    field = 0
    while True:
        head = data[at]
        at += 1
        if not head:
            return fields, at
        if head >> 4:
            field += head >> 4
        else:
            field, at = _number(data, at)
        kind = head & 15
        if kind in (4, 5, 6):
            fields[field], at = _number(data, at)
        elif kind == 12:
            fields[field], at = _struct(data, at, depth + 1)
        elif kind == 8:
            length, at = _varint(data, at)
            at += length
        elif kind in (3, 7):
            at += 1 if kind == 3 else 8
        elif kind not in (1, 2):  # a header holds no lists
            raise ValueError("a page's header is damaged")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    found = shift = 0
    while True:
        byte = data[at]
        at += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found, at
        shift += 7
        if shift > 63:
            raise ValueError("a page's header is damaged")


def _number(data: memoryview, at: int) -> tuple[int, int]:
    found, at = _varint(data, at)
    return (found >> 1) ^ -(found & 1), at
