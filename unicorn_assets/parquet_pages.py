"""Parquet files of strangers, opened so that no page unpacks to more than it may.

A page is unpacked whole, however few rows are asked for, and a few bytes can say that it holds gigabytes or thousands
of millions of values. Only the headers of pages tell, not what the file says of itself at its end. So the headers of
each column's part are read on its way to pyarrow. Not here: which columns, and what their values mean.
"""

import io
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

MOST_FOOTER = 16 << 20  # bytes: unpacked, it takes some 25 times as much
MOST_CHUNKS = 1_000_000  # parts of columns
FREE_PAGE, MOST_PAGE = 16 << 20, 1 << 30
"""Bytes of an unpacked page: of any, and of one that is packed at most fourfold."""
_MOST_PACKED = 4
FREE_VALUES, VALUES_PER_BYTE = 1 << 20, 64
"""Values in a column's part: as many as this, or as many per byte."""

_WINDOWS = (1 << 16, 1 << 20, 1 << 24)
"""Bytes in which a header may stand; statistics of long texts make it long."""
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


Peek = Callable[[int, int], bytes]


class Pages:
    """The pages of one part of a column, `size` bytes from `start` of a file on: their headers are looked at as they
    come by, each once, in whatever pieces the part is read.
    """

    def __init__(self, start: int, size: int, free_values: int = FREE_VALUES) -> None:
        self.start, self.end, self._next = start, start + max(0, size), start
        self._values, self._most_values = 0, max(free_values, VALUES_PER_BYTE * size)

    def look(self, at: int, data: bytes, peek: Peek | None = None) -> None:
        """`data` was read at `at`; `peek(place, size)` reads what is missing of a header. ValueError when a page
        unpacks to more, or the part holds more values, than it may.
        """
        view = memoryview(data)
        while self._next < min(self.end, at + len(data)):
            unpacked, packed, count, length = self._header(view[self._next - at :] if self._next >= at else None, peek)
            if packed < 0 or unpacked < 0 or count < 0:
                raise ValueError("a page has a size below zero")
            if unpacked > max(FREE_PAGE, min(MOST_PAGE, _MOST_PACKED * packed)):
                raise ValueError(f"a page of {packed:,} bytes unpacks to {unpacked:,}")
            self._values += count
            if self._values > self._most_values:
                raise ValueError(
                    f"{self.end - self.start:,} bytes of a column hold more than {self._most_values:,} values"
                )
            self._next += length + packed

    def _header(self, there: memoryview | None, peek: Peek | None) -> tuple[int, int, int, int]:
        if there is not None:
            with suppress(IndexError, OverflowError):
                return _header(there, 0)
        if peek is not None:
            for size in _WINDOWS:
                with suppress(IndexError, OverflowError):
                    return _header(memoryview(peek(self._next, min(size, self.end - self._next))), 0)
        raise ValueError("a page's header is damaged")


class _Guard(io.RawIOBase):
    """A file that looks at what is read from it: at the headers of pages in the parts of columns."""

    def __init__(self, raw: Any, free_values: int) -> None:
        self._raw, self._free_values = raw, free_values
        self._parts, self._starts = list[Pages](), list[int]()
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
                self._parts.append(Pages(first, column.total_compressed_size, self._free_values))
        self._parts.sort(key=lambda part: part.start)
        self._starts = [part.start for part in self._parts]

    def read(self, size: int = -1) -> bytes:
        at = self._raw.tell()
        data: bytes = self._raw.read(size)
        for number in range(max(0, bisect_right(self._starts, at) - 1), bisect_left(self._starts, at + len(data))):
            self._parts[number].look(at, data, self._peek)
        return data

    def _peek(self, place: int, size: int) -> bytes:
        at = self._raw.tell()
        self._raw.seek(place)
        data: bytes = self._raw.read(size)
        self._raw.seek(at)
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


def _header(data: memoryview, at: int) -> tuple[int, int, int, int]:
    """(bytes unpacked, bytes packed, values, where the page begins): Thrift's compact form, PageHeader. IndexError when
    the data ends inside it.
    """
    fields, at = _struct(data, at, 0)
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
