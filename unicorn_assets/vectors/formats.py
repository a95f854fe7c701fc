"""The layouts of .safetensors, .npy and Parquet files of vectors: where the rows are, ids, and what made them.

Rows of the first two lie in the file as they are, so that a part of them is one read. What a file says of itself is
compared with what it is before anything is read. Not here: anything about values.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.parquet_pages import open_parquet
from unicorn_assets.plain_files import open_plain
from unicorn_assets.safetensors_header import head_of, read_header
from unicorn_assets.vectors.blocks import task_rows
from unicorn_assets.vectors.rows import Rows, Space, check_shape

VECTOR_NAMES = ("vectors", "embeddings", "vector", "embedding")
ID_NAMES = ("id", "ids", "image_id", "caption_id")
MOST_ID = 4096  # bytes
FREE_IDS, IDS_PER_BYTE = 64 << 20, 64
"""Bytes that the ids of a Parquet file take once each is as wide as the longest: so many, or so many per byte."""
_SAFETENSORS = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}


@dataclass(frozen=True)
class Part:
    """Consecutive rows that are read when they are asked for, by any thread."""

    first: int
    load: Callable[[], Rows]


@dataclass(frozen=True)
class Contents:
    """What a file of vectors holds. `ids` (rows, width) are zero-padded UTF-8 bytes; `about` is what its maker said."""

    path: str
    rows: int
    dimension: int
    parts: Iterable[Part]
    ids: NDArray[np.uint8] | None = None
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def space(self) -> Space | None:
        """The encoder's space, where the file names encoder and revision."""
        if "encoder" in self.about and "revision" in self.about:
            return Space(str(self.about["encoder"]), str(self.about["revision"]), self.dimension)
        return None

    def names(self, first: int, n: int) -> list[str] | None:
        """Ids of some rows."""
        return None if self.ids is None else [name_of_row(self.ids, row) for row in range(first, first + n)]


def name_of_row(ids: NDArray[np.uint8], row: int) -> str:
    """One id of (n, width) zero-padded UTF-8 bytes."""
    raw: bytes = ids[row].tobytes()
    return raw.rstrip(b"\0").decode(errors="backslashreplace")


def _safetensors(file: Path, path: str) -> Contents:
    from safetensors import safe_open

    with safe_open(file, framework="np"):  # refuses a header that lies: offsets, sizes and types agree from here on
        pass
    with open_plain(file) as stream:
        header = read_header(head_of(stream))
        arrays, about = header.arrays, _about(header.metadata)
        matrices = [name for name in arrays if name not in ID_NAMES]
        name = next((name for name in VECTOR_NAMES if name in arrays), matrices[0] if len(matrices) == 1 else None)
        if name is None:
            raise UserError(f"{path}: found arrays {list(arrays)[:9]}, none of them named 'vectors'", "rename the one")
        dtype = _SAFETENSORS.get(arrays[name]["dtype"])
        if dtype is None:
            raise UserError(f"{path}: {name} is of type {arrays[name]['dtype']}", "store it as F16, F32 or F64")
        ids = None
        if "ids" in arrays:
            if arrays["ids"]["dtype"] != "U8" or len(arrays["ids"]["shape"]) != 2:
                raise UserError(f"{path}: ids are not rows of bytes", "store them as zero-padded UTF-8, one id a row")
            begin, end = header.place("ids")
            stream.seek(begin)
            ids = np.frombuffer(stream.read(end - begin), np.uint8).reshape(arrays["ids"]["shape"])
    return _raw(file, path, header.place(name)[0], np.dtype(dtype), arrays[name]["shape"], ids, about)


def _about(metadata: dict[str, str]) -> dict[str, Any]:
    about: dict[str, Any] = dict(metadata)
    if "unicorn" in about:  # a shard of the lake keeps what the maker said under "extra"
        stored = json.loads(about["unicorn"])
        about = {**stored, **stored.get("extra", {})}
    return about


def _npy(file: Path, path: str) -> Contents:
    matrix = np.load(file, mmap_mode="r", allow_pickle=False)
    check_shape(matrix, None, path)
    if not matrix.flags.c_contiguous:
        raise UserError(f"{path}: the matrix is stored by columns", "store it with numpy.ascontiguousarray")
    return _raw(file, path, matrix.offset, matrix.dtype, list(matrix.shape), None, {})


def _raw(
    file: Path, path: str, offset: int, dtype: np.dtype[Any], shape: list[int], ids: NDArray[np.uint8] | None,
    about: dict[str, Any],
) -> Contents:  # fmt: skip
    if len(shape) != 2:
        raise UserError(f"{path}: expected one vector a row, found shape {tuple(shape)}", "store a matrix")
    n, d = shape
    if n and not d:
        raise UserError(f"{path}: its {n:,} vectors have no numbers", "give another file")
    if dtype.itemsize not in (2, 4, 8):
        raise UserError(f"{path}: the numbers are of type {dtype}", "store them as fp16, fp32 or fp64")
    _one_id_per_row(path, n, ids)

    def part(first: int, count: int) -> Part:
        def load() -> Rows:
            # Mapped part by part: reading would copy, and pages of a whole mapped file would count as memory.
            rows: Rows = np.memmap(file, dtype, "r", offset + first * d * dtype.itemsize, (count, d))
            return rows if dtype.isnative else rows.astype(dtype.newbyteorder("="))

        return Part(first, load)

    step = task_rows(d)
    parts = [part(first, min(step, n - first)) for first in range(0, n, step)]
    return Contents(path, n, d, parts, ids, about)


def _parquet(file: Path, path: str) -> Contents:
    import pyarrow as pa

    with open_plain(file) as raw, open_parquet(raw) as opened:
        schema = opened.schema_arrow
        n = opened.metadata.num_rows
        lists = [f.name for f in schema if pa.types.is_list(f.type) or pa.types.is_fixed_size_list(f.type)]
        lists += [f.name for f in schema if pa.types.is_large_list(f.type)]
        name = next((name for name in VECTOR_NAMES if name in lists), lists[0] if len(lists) == 1 else None)
        if name is None:
            raise UserError(
                f"{path}: no column of vectors among {', '.join(schema.names)}",
                f"store lists of numbers in a column named {VECTOR_NAMES[0]!r}",
            )
        id_name = next((name for name in ID_NAMES if name in schema.names), None)
        metadata = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    ids = None if id_name is None else _parquet_ids(file, path, id_name)
    _one_id_per_row(path, n, ids)
    dimension = 0
    for part in _batches(file, path, name, 1):
        dimension = part.load().shape[1]
        break
    if n and not dimension:
        raise UserError(f"{path}: its {n:,} vectors have no numbers", "give another file")
    about = {key: value for key, value in metadata.items() if key in ("encoder", "revision", "moved")}
    return Contents(path, n, dimension, _Batches(file, path, name, n, dimension), ids, about)


def _parquet_ids(file: Path, path: str, column: str) -> NDArray[np.uint8]:
    import pyarrow as pa
    import pyarrow.compute as pc

    from unicorn_assets.lake.store import encode_ids

    names: list[str] = []
    widest = 1
    # Equal ids stay one while they are read: a few bytes could say a long one a million times.
    with open_plain(file) as raw, open_parquet(raw, read_dictionary=[column]) as opened:
        for batch in opened.iter_batches(1 << 14, columns=[column]):
            found = batch.column(0)
            values = found.dictionary if pa.types.is_dictionary(found.type) else found
            if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
                widest = max(widest, pc.max(pc.binary_length(values)).as_py() or 0)
                if widest > MOST_ID:
                    raise UserError(f"{path}: an id has {widest:,} bytes", f"give ids of at most {MOST_ID:,} bytes")
            names += [str(one) for one in found.to_pylist()]
            if widest * len(names) > max(FREE_IDS, IDS_PER_BYTE * file.stat().st_size):
                raise UserError(f"{path}: its ids are far larger than the file", "give shorter ids")
    return encode_ids(names)


@dataclass(frozen=True)
class _Batches:
    """A Parquet column as parts, read again for each iteration; ValueError when it holds other rows than it says."""

    file: Path
    path: str
    column: str
    rows: int
    dimension: int

    def __iter__(self) -> Iterator[Part]:
        left = self.rows
        for part in _batches(self.file, self.path, self.column, task_rows(self.dimension)):
            n, d = part.load().shape
            if d != self.dimension:
                raise UserError(
                    f"{self.path}: row {part.first} holds {d} numbers, row 0 holds {self.dimension}",
                    "store vectors of one length",
                )
            left -= n
            if left < 0:
                break
            yield part
        if left:
            raise ValueError(f"it does not hold the {self.rows:,} rows that it speaks of")


def _batches(file: Path, path: str, column: str, size: int) -> Iterator[Part]:
    with open_plain(file) as raw, open_parquet(raw) as opened:
        first = 0
        for batch in opened.iter_batches(size, columns=[column]):
            rows = _matrix(batch.column(0), path, first)
            yield Part(first, lambda rows=rows: rows)  # type: ignore[misc]
            first += len(rows)


def _matrix(column: Any, path: str, first: int) -> Rows:
    """A column of lists as a matrix; UserError names a row that is null or of another length."""
    lengths = column.value_lengths().to_pylist()
    if lengths and lengths[0] == 0:
        raise UserError(f"{path}: row {first} holds no numbers", "store vectors of one length, none of them null")
    for row, length in enumerate(lengths):
        if length != lengths[0] or length is None:
            raise UserError(
                f"{path}: row {first + row} holds {length} numbers, row {first} holds {lengths[0]}",
                "store vectors of one length, none of them null",
            )
    values = column.flatten().to_numpy(zero_copy_only=False)
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    matrix: Rows = values.reshape(len(lengths), -1)
    return matrix


def _one_id_per_row(path: str, rows: int, ids: NDArray[np.uint8] | None) -> None:
    if ids is not None and len(ids) != rows:
        raise UserError(f"{path}: {len(ids)} ids for {rows} vectors", "store one id per vector")


FORMATS: dict[str, Callable[[Path, str], Contents]] = {
    ".safetensors": _safetensors,
    ".npy": _npy,
    ".parquet": _parquet,
}
