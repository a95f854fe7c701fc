"""Reading vectors that somebody else made: .safetensors, .npy or Parquet, in chunks, with ids where there are any.

The lake's own shards are such files too. Not here: checking rows (vectors.py), images (image_files.py).
"""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import numpy as np

from unicorn_assets.errors import UserError
from unicorn_assets.representation.vectors import Rows, Space, check_ids, check_shape

CHUNK = 8192  # rows read at a time
VECTOR_NAMES = ("vectors", "embeddings", "vector", "embedding")
ID_NAMES = ("id", "ids", "image_id", "caption_id")


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of a file; `first` is the number of the first one."""

    first: int
    vectors: Rows
    ids: list[str] | None


def read_vectors(path: str, space: tuple[str, str] | None = None) -> Iterator[Chunk]:
    """The file's rows in chunks; `path` may be a URL.

    `space` is the (encoder, revision) that the vectors must come from; a safetensors file that names another is
    refused. UserError for a missing or damaged file, an unknown format, no matrix in it, or an id that occurs twice.
    """
    reader = {".safetensors": _safetensors, ".npy": _npy, ".parquet": _parquet}.get(Path(path).suffix.lower())
    if reader is None:
        raise UserError(f"{path}: vectors are read from .safetensors, .npy or .parquet", "convert the file to one")
    with tempfile.TemporaryDirectory() as folder:
        local = _fetched(path, Path(folder))
        try:
            if reader is _safetensors and space:
                _check_origin(local, path, space)
            yield from reader(local, path)
        except UserError:
            raise
        except Exception as error:  # three libraries, each with many ways to say that a file is damaged
            raise UserError(f"{path}: cannot read vectors: {error}", "make the file again; it may be cut off") from None


def _fetched(path: str, folder: Path) -> Path:
    try:
        if "://" not in path:
            Path(path).stat()
            return Path(path)
        fs, remote = fsspec.core.url_to_fs(path)
        local = folder / Path(path).name
        fs.get_file(remote, str(local))
        return local
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file", "check image_reference.path in the recipe") from None


def _check_origin(file: Path, path: str, space: tuple[str, str]) -> None:
    from safetensors import safe_open

    with safe_open(file, framework="np") as opened:
        about: dict[str, Any] = opened.metadata() or {}
    if "unicorn" in about:  # a shard of the lake keeps what the maker said under "extra"
        about = json.loads(about["unicorn"])
        about = {**about, **about.get("extra", {})}
    if "encoder" in about and "revision" in about:
        found, wanted = Space(about["encoder"], about["revision"], 0), Space(*space, 0)
        if found != wanted:
            raise UserError(
                f"{path}: the vectors come from {found.encoder} (revision {found.revision}), "
                f"but the recipe's encoder is {wanted.encoder} (revision {wanted.revision})",
                "encode the images with the recipe's encoder",
            )


def _safetensors(file: Path, path: str) -> Iterator[Chunk]:
    from safetensors import safe_open

    from unicorn_assets.lake.store import decode_ids

    with safe_open(file, framework="np") as opened:
        names = list(opened.keys())
        matrices = [name for name in names if name not in ID_NAMES]
        name = next((name for name in VECTOR_NAMES if name in names), matrices[0] if len(matrices) == 1 else None)
        if name is None:
            raise UserError(f"{path}: found arrays {names}, none of them named {VECTOR_NAMES[0]!r}", "rename the one")
        ids = decode_ids(opened.get_tensor("ids")) if "ids" in names else None
        matrix = opened.get_slice(name)
        yield from _sliced(matrix, matrix.get_shape()[0], ids, path)


def _npy(file: Path, path: str) -> Iterator[Chunk]:
    matrix = np.load(file, mmap_mode="r", allow_pickle=False)
    check_shape(matrix, None, path)
    yield from _sliced(matrix, len(matrix), None, path)


def _sliced(matrix: Any, rows: int, ids: list[str] | None, path: str) -> Iterator[Chunk]:
    if ids is not None:
        check_ids(ids, path)
        if len(ids) != rows:
            raise UserError(f"{path}: {len(ids)} ids for {rows} vectors", "store one id per vector")
    for first in range(0, rows, CHUNK):
        part = np.asarray(matrix[first : min(first + CHUNK, rows)])
        yield Chunk(first, part, None if ids is None else ids[first : first + CHUNK])


def _parquet(file: Path, path: str) -> Iterator[Chunk]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as opened:
        schema = opened.schema_arrow
        lists = [f.name for f in schema if pa.types.is_list(f.type) or pa.types.is_fixed_size_list(f.type)]
        lists += [f.name for f in schema if pa.types.is_large_list(f.type)]
        name = next((name for name in VECTOR_NAMES if name in lists), lists[0] if len(lists) == 1 else None)
        if name is None:
            raise UserError(
                f"{path}: no column of vectors among {', '.join(schema.names)}",
                f"store lists of numbers in a column named {VECTOR_NAMES[0]!r}",
            )
        id_name = next((name for name in ID_NAMES if name in schema.names), None)
        ids = None if id_name is None else [str(i) for i in opened.read([id_name]).column(0).to_pylist()]
        if ids is not None:
            check_ids(ids, path)
        first = 0
        for batch in opened.iter_batches(CHUNK, columns=[name]):
            rows = _matrix(batch.column(0), path, first)
            yield Chunk(first, rows, None if ids is None else ids[first : first + len(rows)])
            first += len(rows)


def _matrix(column: Any, path: str, first: int) -> Rows:
    """A column of lists as a matrix; UserError names a row that is null or of another length."""
    lengths = column.value_lengths().to_pylist()
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
