"""The lake: tables as Parquet and vectors as safetensors, one file per shard, with their making written inside.

Layout below the root: tables/<table>/<shard>.parquet, vectors/<name>/<shard>.safetensors, journal/, releases/.
Unpartitioned tables have one shard, ALL. Here: reading, writing, provenance. Not here: SQL (see query.py).
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.lake.files import Files
from unicorn_assets.lake.schemas import polars_schema

ALL = "all"
GUESS = 1 << 16
"""Bytes that most headers and footers fit in, so that one request reads them."""


@dataclass(frozen=True)
class Made:
    """What made a shard: enough to know whether it is still current, and to trace it."""

    recipe: str = ""
    code_version: str = ""
    parents: Mapping[str, str] = field(default_factory=dict)  # "table/shard" -> content hash

    @property
    def inputs(self) -> str:
        """Hash of everything that determined the shard."""
        return digest({"code": self.code_version, "parents": dict(self.parents)})


@dataclass(frozen=True)
class ShardInfo:
    """What a shard's file says of itself."""

    rows: int
    content: str  # hash of the rows
    inputs: str  # hash of what made them
    made: Made
    extra: Mapping[str, Any]  # figures the maker wants to keep: counts, tokens, seconds


class Lake:
    """All data of one data set. `url` is a folder or s3://bucket/prefix; safe to share between threads and pods."""

    def __init__(self, url: str, storage_options: dict[str, Any] | None = None) -> None:
        self.storage_options = storage_options or {}
        self.files = Files(url, self.storage_options)
        self.url = self.files.root

    def path(self, table: str, shard: str = ALL) -> str:
        """Name of a table shard's file below the root."""
        return f"tables/{table}/{shard}.parquet"

    def vector_path(self, name: str, shard: str) -> str:
        """Name of a vector shard's file below the root."""
        return f"vectors/{name}/{shard}.safetensors"

    # ---- tables

    def write(
        self, table: str, shard: str, frame: pl.DataFrame, made: Made, extra: Mapping[str, Any] | None = None
    ) -> ShardInfo:
        """Replace one shard of `table`. `frame` must have the table's columns (schemas.py); order is made the same."""
        schema = polars_schema(_schema_name(table))
        frame = frame.select([pl.col(name).cast(dtype) for name, dtype in schema.items()]).rechunk()
        info = ShardInfo(frame.height, content_hash(frame), made.inputs, made, dict(extra or {}))
        with self.files.writing(self.path(table, shard)) as file:
            frame.write_parquet(file, compression="zstd", metadata={"unicorn": info_to_json(info)})
        return info

    def read(self, table: str, shard: str = ALL, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """One shard of `table`; a UserError names what to materialize when it is not there."""
        frame = self.find(table, shard, columns)
        if frame is None:
            raise UserError(
                f"{table} has no shard {shard!r} in {self.url}", f"materialize {table} for that shard first"
            )
        return frame

    def find(self, table: str, shard: str = ALL, columns: Sequence[str] | None = None) -> pl.DataFrame | None:
        """One shard of `table`, or None when there is no such shard."""
        try:
            data = self.files.read(self.path(table, shard))
        except FileNotFoundError:
            return None
        return pl.read_parquet(io.BytesIO(data), columns=list(columns) if columns else None)

    def read_many(self, table: str, shards: Sequence[str], columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Several shards, one below the other, with a column `shard`."""
        frames = [self.read(table, shard, columns).with_columns(shard=pl.lit(shard)) for shard in shards]
        schema = {k: v for k, v in polars_schema(_schema_name(table)).items() if not columns or k in columns}
        return pl.concat(frames) if frames else pl.DataFrame(schema={**schema, "shard": pl.String})

    def info(self, table: str, shard: str = ALL) -> ShardInfo | None:
        """What the shard's file says of itself, or None when there is no such shard. Reads the footer only."""
        try:
            footer = _parquet_footer(self.files, self.path(table, shard))
        except FileNotFoundError:
            return None
        return info_from_json(pl.read_parquet_metadata(io.BytesIO(footer))["unicorn"])

    def shards(self, table: str) -> list[str]:
        """Shards of `table` that exist, sorted."""
        return [name.removesuffix(".parquet") for name in self.files.names(f"tables/{table}", ".parquet")]

    # ---- vectors

    def write_vectors(
        self,
        name: str,
        shard: str,
        ids: Sequence[str],
        vectors: NDArray[np.floating[Any]],
        made: Made,
        extra: Mapping[str, Any] | None = None,
    ) -> ShardInfo:
        """Replace one shard of vectors: `vectors` is (rows, dimension) and stored as fp16, `ids` joins row by row."""
        if len(ids) != len(vectors):
            raise ValueError(f"{len(ids)} ids for {len(vectors)} vectors")
        matrix = np.ascontiguousarray(vectors, dtype=np.float16)
        tensors = {"ids": encode_ids(ids), "vectors": matrix}
        info = ShardInfo(len(ids), vector_content(ids, matrix), made.inputs, made, dict(extra or {}))
        self.files.write(
            self.vector_path(name, shard), save_safetensors(tensors, metadata={"unicorn": info_to_json(info)})
        )
        return info

    def read_vectors(self, name: str, shard: str) -> tuple[list[str], NDArray[np.float16]]:
        """Ids and the (rows, dimension) fp16 matrix of one shard."""
        try:
            data = self.files.read(self.vector_path(name, shard))
        except FileNotFoundError:
            raise UserError(
                f"{name} has no shard {shard!r} in {self.url}", f"materialize {name} for that shard first"
            ) from None
        tensors = load_safetensors(data)
        return decode_ids(tensors["ids"]), tensors["vectors"]

    def vector_info(self, name: str, shard: str) -> ShardInfo | None:
        """What the vector file says of itself, or None. Reads the header only."""
        path = self.vector_path(name, shard)
        try:
            head = self.files.head(path, GUESS)
        except FileNotFoundError:
            return None
        end = 8 + int.from_bytes(head[:8], "little")
        if end > len(head):
            head = self.files.head(path, end)
        return info_from_json(json.loads(head[8:end])["__metadata__"]["unicorn"])

    def vector_shards(self, name: str) -> list[str]:
        """Shards of these vectors that exist, sorted."""
        return [file.removesuffix(".safetensors") for file in self.files.names(f"vectors/{name}", ".safetensors")]

    @cached_property
    def journal_url(self) -> str:
        """Where the journal of LLM answers lives."""
        return self.files.url("journal")


def vector_content(ids: Sequence[str], matrix: NDArray[np.float16]) -> str:
    """Hash of a vector shard's rows."""
    return digest([digest(list(ids)), _hash_bytes(matrix.tobytes())])


def encode_ids(ids: Sequence[str]) -> NDArray[np.uint8]:
    """Ids as a (rows, longest) matrix of UTF-8 bytes, padded with zeros: safetensors has no strings."""
    raw = [text.encode() for text in ids]
    width = max((len(item) for item in raw), default=1)
    padded = b"".join(item.ljust(width, b"\0") for item in raw)
    return np.frombuffer(padded, dtype=np.uint8).reshape(len(raw), width)


def decode_ids(matrix: NDArray[np.uint8]) -> list[str]:
    """The inverse of encode_ids."""
    return [row.tobytes().rstrip(b"\0").decode() for row in matrix]


def content_hash(frame: pl.DataFrame) -> str:
    """Hash of a frame's columns and rows, the same for equal frames however they were built.

    The rows are hashed as JSON: Arrow's own bytes keep whatever lies behind a null, so equal frames can differ there.
    """
    schema = [[name, str(dtype)] for name, dtype in frame.schema.items()]
    return digest([schema, _hash_bytes(frame.write_ndjson().encode("utf-8"))])


def _schema_name(table: str) -> str:
    return table.split("/", 1)[0]  # quarantine/<stage>, ledger/<asset>


def _hash_bytes(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def info_to_json(info: ShardInfo) -> str:
    """A shard's description as stored in file metadata."""
    return json.dumps(asdict(info), sort_keys=True, default=dict)


def info_from_json(text: str) -> ShardInfo:
    """The inverse of info_to_json."""
    raw = json.loads(text)
    return ShardInfo(raw["rows"], raw["content"], raw["inputs"], Made(**raw["made"]), raw["extra"])


def _parquet_footer(files: Files, name: str) -> bytes:
    """Only the footer of a Parquet file, wrapped so that a reader takes it for a file without data."""
    tail = files.tail(name, GUESS)
    needed = 8 + int.from_bytes(tail[-8:-4], "little")  # the footer, its length, the closing PAR1
    if needed > len(tail):
        tail = files.tail(name, needed)
    return b"PAR1" + tail[-needed:]
