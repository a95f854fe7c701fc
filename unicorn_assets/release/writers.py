"""The three data files of a release, written shard by shard so that memory holds one shard.

Here: the byte layout of the JSON array, the Parquet file and the safetensors file. Not here: where they are put.
"""

import json
from typing import IO, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import encode_ids
from unicorn_assets.release.records import Batch, json_records
from unicorn_assets.safetensors_header import header_bytes


class JsonArray:
    """One JSON array, a record per line, UTF-8."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._before = b"[\n"

    def add(self, batch: Batch) -> None:
        """Append the records of a shard."""
        for record in json_records(batch.frame):
            self._file.write(self._before + json.dumps(record, ensure_ascii=False, allow_nan=False).encode("utf-8"))
            self._before = b",\n"

    def close(self) -> None:
        """End the array."""
        self._file.write(b"\n]\n" if self._before == b",\n" else b"[]\n")


class ParquetRows:
    """The same records as rows, with the columns that tell where each comes from; a row group per shard."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._writer: Any = None

    def add(self, batch: Batch) -> None:
        """Append the rows of a shard."""
        import pyarrow.parquet as pq

        table = batch.frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema, compression="zstd")
        self._writer.write_table(table)

    def close(self) -> None:
        """Write the footer."""
        if self._writer is not None:
            self._writer.close()


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


def _refuse_duplicates(ids: NDArray[np.uint8]) -> None:
    ordered = np.sort(ids.view(f"S{ids.shape[1]}").ravel())
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        raise UserError(
            f"two records have the id {twice[0].decode()}", "materialize seed_catalog, then the stages after it, again"
        )
