"""The data files of a release, written shard by shard so that memory holds some thousand rows.

Here: the byte layout of the JSON array, its offsets, the Parquet files and the safetensors file. Not here: where they
are put.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from types import TracebackType
from typing import IO, Any, Protocol, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import encode_ids
from unicorn_assets.release.facts import ReleaseFile
from unicorn_assets.release.records import Batch, json_records
from unicorn_assets.safetensors_header import header_bytes

GROUP = 4_096
"""Rows of a Parquet row group: what a reader that streams holds in memory."""
FILE_BYTES = 512 << 20
"""A Parquet file ends with the row group that brings it to so many bytes in memory: ten files for a million rows."""
BETWEEN = 2
"""Bytes behind a record of the JSON array before the next one starts, or the array ends."""

Opening = Callable[[str], AbstractContextManager[IO[bytes]]]


class Writer(Protocol):
    """What takes a release's batches, in order."""

    def add(self, batch: Batch) -> None:
        """Append the records of a shard."""
        ...

    def close(self) -> None:
        """Write what comes last."""
        ...


class JsonArray:
    """One JSON array, a record per line, UTF-8; `offsets` holds where each record starts."""

    def __init__(self, file: IO[bytes], offsets: IO[bytes]) -> None:
        self._file, self._offsets_file = file, offsets
        self._before = b"[\n"
        self._place = 0
        self._offsets: list[int] = []

    def add(self, batch: Batch) -> None:
        """Append the records of a shard."""
        for record in json_records(batch.frame):
            text = json.dumps(record, ensure_ascii=False, allow_nan=False).encode("utf-8")
            self._file.write(self._before + text)
            self._offsets.append(self._place + len(self._before))
            self._place += len(self._before) + len(text)
            self._before = b",\n"

    def close(self) -> None:
        """End the array. Record i is bytes offsets[i] to offsets[i + 1] - 2 of it."""
        self._file.write(b"\n]\n" if self._before == b",\n" else b"[]\n")
        places = np.array([*self._offsets, self._place + BETWEEN], dtype="<u8")
        about = {"descr": "<u8", "fortran_order": False, "shape": places.shape}
        np.lib.format.write_array_header_1_0(self._offsets_file, about)  # type: ignore[no-untyped-call]
        self._offsets_file.write(places.tobytes())


class ParquetFiles:
    """The same records as rows, with the columns that tell where each comes from, and their vectors.

    `vector` is a list of fixed size of float16. Rows go on from file to file: NAME-00000.parquet, NAME-00001.parquet.
    """

    def __init__(self, opened: Opening, stem: str) -> None:
        self.files: dict[str, ReleaseFile] = {}
        self._opened, self._stem = opened, stem
        self._waiting: list[Any] = []
        self._rows = 0  # that wait
        self._bytes = 0  # of the file that is open
        self._written = 0  # its rows
        self._open: ExitStack | None = None
        self._file: IO[bytes] | None = None
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """A file that is still open was not finished: it does not appear."""
        if self._open is not None:
            with suppress(Exception):  # a writer that is left open would write its footer after the file is closed
                self._writer.close()
            self._open.__exit__(kind or EOFError, error or EOFError(), at)

    def add(self, batch: Batch) -> None:
        """Append the rows of a shard."""
        if batch.frame.is_empty():
            return
        self._waiting.append(_arrow(batch))
        self._rows += batch.frame.height
        if self._rows >= GROUP:
            self._write(self._rows // GROUP * GROUP)

    def close(self) -> None:
        """Write what waits, and the last footer."""
        self._write(self._rows)
        if self._open is not None:
            self._end()

    def _write(self, count: int) -> None:
        import pyarrow as pa

        if not count:
            return
        table = pa.concat_tables(self._waiting)
        self._waiting, self._rows = [table.slice(count)], self._rows - count
        for first in range(0, count, GROUP):
            group = table.slice(first, min(GROUP, count - first)).combine_chunks()
            if self._open is None:
                self._begin(group.schema)
            self._writer.write_table(group)
            self._written += group.num_rows
            self._bytes += group.nbytes
            if self._bytes >= FILE_BYTES:
                self._end()

    def _begin(self, schema: Any) -> None:
        import pyarrow.parquet as pq

        self._open = ExitStack()
        name = f"{self._stem}-{len(self.files):05}.parquet"
        self._file = self._open.enter_context(self._opened(name))
        # Vectors repeat nothing, and bounds of their numbers help nobody.
        texts = [column for column in schema.names if column != "vector"]
        paths = ["conversations.list.element.from" if name == "conversations" else name for name in texts]
        self._writer = pq.ParquetWriter(
            self._file, schema, compression="zstd", use_dictionary=paths, write_statistics=texts
        )

    def _end(self) -> None:
        assert self._open is not None
        assert self._file is not None
        self._writer.close()
        self.files[f"{self._stem}-{len(self.files):05}.parquet"] = describe(self._file, self._written)
        opened, self._open = self._open, None
        self._bytes = self._written = 0
        opened.close()


def _arrow(batch: Batch) -> Any:
    import pyarrow as pa

    table = batch.frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    numbers = pa.array(np.ascontiguousarray(batch.vectors, dtype="<f2").reshape(-1))
    vectors = pa.FixedSizeListArray.from_arrays(numbers, batch.vectors.shape[1])
    return table.append_column(pa.field("vector", vectors.type, nullable=False), vectors)


class Embeddings:
    """A safetensors file: `vectors` (rows, dimension) fp16, then `ids` (rows, longest id) as zero-padded UTF-8 bytes.

    The header needs the number of rows, so its place is kept free and it is written last. Row i belongs to record i.
    """

    def __init__(self, file: IO[bytes], dimension: int, metadata: dict[str, str]) -> None:
        self._file = file
        self._dimension = dimension
        self._metadata = metadata
        self._ids: list[NDArray[np.uint8]] = []
        self._room = len(self._header(10**15, 10**4))  # for any number of rows
        file.write(b"\0" * self._room)

    def add(self, batch: Batch) -> None:
        """Append the vectors of a shard; a UserError names the first row that no trainer could use."""
        vectors = np.ascontiguousarray(batch.vectors, dtype="<f2")
        ids = batch.frame["id"].to_list()
        if vectors.shape[1] != self._dimension and len(vectors):
            raise UserError(
                f"the vector of {ids[0]} has {vectors.shape[1]} numbers, the encoder's dimension is {self._dimension}",
                "materialize text_embeddings and image_embeddings again: they were made by another encoder",
            )
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(bad):
            raise UserError(
                f"the vector of {ids[bad[0]]} holds NaN or infinity", "materialize its image_embeddings again"
            )
        self._file.write(vectors.tobytes())
        self._ids.append(encode_ids(ids))

    def close(self) -> None:
        """Write the ids, then the header; a UserError names an id that two records share."""
        rows = sum(len(part) for part in self._ids)
        width = max((part.shape[1] for part in self._ids), default=1)
        ids = np.zeros((rows, width), dtype=np.uint8)
        start = 0
        for part in self._ids:
            ids[start : start + len(part), : part.shape[1]] = part
            start += len(part)
        _refuse_duplicates(ids)
        self._file.write(ids.tobytes())
        self._file.seek(0)
        self._file.write(self._header(rows, width, self._room))
        self._file.seek(0, 2)

    def _header(self, rows: int, width: int, least: int = 0) -> bytes:
        arrays = {"vectors": ("F16", (rows, self._dimension)), "ids": ("U8", (rows, width))}
        return header_bytes(arrays, self._metadata, least=least)


def describe(handle: IO[bytes], rows: int | None) -> ReleaseFile:
    """A file that was just written, as the manifest lists it."""
    handle.flush()
    handle.seek(0)
    sha256 = hashlib.file_digest(handle, "sha256").hexdigest()  # type: ignore[arg-type]
    return ReleaseFile(handle.seek(0, 2), sha256, rows)


def _refuse_duplicates(ids: NDArray[np.uint8]) -> None:
    ordered = np.sort(ids.view(f"S{ids.shape[1]}").ravel())
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        raise UserError(
            f"two records have the id {twice[0].decode()}", "materialize seed_catalog, then the stages after it, again"
        )
