"""The bytes of a shard's file: what it says of itself, and whether every bit of it is as it was written.

A shard is one Parquet or safetensors file; its description is JSON in the file's metadata, sealed (seals.py). Reading a
footer or header costs one request and proves the description; a whole file is hashed before anything parses it. Files
of before there were seals are checked by the hash of their rows. Here: bytes. Not here: where files lie (store.py).
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from unicorn_assets.ids import digest
from unicorn_assets.safetensors_header import GUESS, MOST, data_start, read_header
from unicorn_assets.seals import is_whole, open_json, open_text, seal_file, seal_json, seal_text

KEY = "unicorn"


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


_KEYS = ("content", "extra", "inputs", "made", "rows")


# ---- tables


def table_bytes(frame: pl.DataFrame, info: ShardInfo) -> bytes:
    """A sealed Parquet file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", metadata={KEY: seal_text(info_to_json(info))})
    return seal_file(buffer.getvalue())


def table_info(tail: Callable[[int], bytes]) -> ShardInfo:
    """What a Parquet file says of itself, from its last bytes; ValueError when they are damaged."""
    return _table_info(_footer(tail))[0]


def check_table(data: bytes) -> ShardInfo:
    """What a whole Parquet file says of itself, once every bit is proved; ValueError otherwise."""
    whole = is_whole(data)
    if whole is False:
        raise ValueError("its bytes are not those that were written")
    info, sealed = _table_info(_footer(lambda size: data[-size:]))
    if whole and sealed:
        return info
    if sealed or whole:
        raise ValueError("its seal is damaged")
    frame = table_rows(data)
    if frame.height != info.rows or content_hash(frame) != info.content:
        raise ValueError("its rows are not those that were written")
    return info


def table_rows(data: bytes, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The rows of a Parquet file; ValueError when it is none."""
    with _parsing():
        return pl.read_parquet(io.BytesIO(data), columns=list(columns) if columns else None)


def _footer(tail: Callable[[int], bytes]) -> bytes:
    data = tail(GUESS)
    if len(data) < 12 or data[-4:] != b"PAR1":
        raise ValueError("it is no Parquet file, or its end is missing")
    needed = 8 + int.from_bytes(data[-8:-4], "little")  # the footer, its length, the closing PAR1
    if needed > MOST:
        raise ValueError("its footer cannot be so long")
    if needed > len(data):
        data = tail(needed)
    if needed > len(data):
        raise ValueError("its beginning is missing")
    return data[-needed:]


def _table_info(footer: bytes) -> tuple[ShardInfo, bool]:
    text = _description(footer)
    if text is None:
        with _parsing():  # wrapped so that a reader takes it for a file without data
            text = pl.read_parquet_metadata(io.BytesIO(b"PAR1" + footer))[KEY]
    return _info(text)


def _description(footer: bytes) -> str | None:
    """The text under our key, without trusting anything else in the footer: Thrift's length and the text itself."""
    entry = bytes([len(KEY)]) + KEY.encode() + b"\x18"
    at = footer.rfind(entry)
    while at >= 0:
        length, shift, place = 0, 0, at + len(entry)
        while place < len(footer) and shift < 35:
            byte = footer[place]
            length |= (byte & 0x7F) << shift
            place, shift = place + 1, shift + 7
            if byte < 0x80:
                break
        text = footer[place : place + length]
        if text.startswith(b"{") and text.endswith(b"}"):
            return text.decode("utf-8")
        at = footer.rfind(entry, 0, at)
    return None


# ---- vectors


def vector_bytes(ids: Sequence[str], matrix: NDArray[Any], info: ShardInfo) -> bytes:
    """A sealed safetensors file: `ids` and `vectors`."""
    tensors = {"ids": encode_ids(ids), "vectors": matrix}
    return seal_file(bytes(save_safetensors(tensors, metadata={KEY: seal_text(info_to_json(info))})))


def vector_info(head: Callable[[int], bytes]) -> ShardInfo:
    """What a vector file says of itself, from its first bytes; ValueError when they are damaged."""
    return _vector_info(head)[0]


def check_vectors(data: bytes) -> ShardInfo:
    """What a whole vector file says of itself, once every bit is proved; ValueError otherwise."""
    whole = is_whole(data, head=min(len(data), data_start(data)))
    if whole is False:
        raise ValueError("its bytes are not those that were written")
    info, sealed = _vector_info(lambda size: data[:size])
    if whole and sealed:
        return info
    if sealed or whole:
        raise ValueError("its seal is damaged")
    ids, matrix = vector_rows(data)
    if len(ids) != info.rows or vector_content(ids, matrix) != info.content:
        raise ValueError("its rows are not those that were written")
    return info


def vector_rows(data: bytes) -> tuple[list[str], NDArray[Any]]:
    """Ids and the (rows, dimension) matrix of a vector file; ValueError when it is none."""
    with _parsing():
        tensors = load_safetensors(data)
        return decode_ids(tensors["ids"]), tensors["vectors"]


def _vector_info(head: Callable[[int], bytes]) -> tuple[ShardInfo, bool]:
    with _parsing(OSError):  # that it is not there, or a folder, is no damage of its bytes
        text = read_header(head).metadata[KEY]
    return _info(text)


def vector_content(ids: Sequence[str], matrix: NDArray[Any]) -> str:
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


# ---- what both share


def content_hash(frame: pl.DataFrame) -> str:
    """Hash of a frame's columns and rows, the same for equal frames however they were built.

    The rows are hashed as JSON: Arrow's own bytes keep whatever lies behind a null, so equal frames can differ there.
    """
    schema = [[name, str(dtype)] for name, dtype in frame.schema.items()]
    return digest([schema, _hash_bytes(frame.write_ndjson().encode("utf-8"))])


def info_to_json(info: ShardInfo) -> str:
    """A shard's description as stored in file metadata."""
    return json.dumps(asdict(info), sort_keys=True, default=dict)


def note_bytes(info: ShardInfo) -> bytes:
    """A description that lies beside its file, sealed."""
    return seal_json(json.loads(info_to_json(info)))


def read_note(data: bytes) -> ShardInfo:
    """The inverse of note_bytes; ValueError when it was changed."""
    with _parsing():
        return _from_plain(open_json(data, _KEYS))


def _info(text: Any) -> tuple[ShardInfo, bool]:
    with _parsing():
        plain, sealed = open_text(text, _KEYS)
        return _from_plain(plain), sealed


def _from_plain(plain: Mapping[str, Any]) -> ShardInfo:
    info = ShardInfo(plain["rows"], plain["content"], plain["inputs"], Made(**plain["made"]), plain["extra"])
    if info.inputs != info.made.inputs:
        raise ValueError("what made it was changed")
    return info


@contextmanager
def _parsing(*passed: type[Exception]) -> Iterator[None]:
    """Whatever a parser says of damaged bytes is a ValueError with one line; polars panics at some of them. `passed`:
    what is no word of a parser.
    """
    let_through: tuple[type[Exception], ...] = (MemoryError, *passed)
    try:
        yield
    except let_through:
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        words = " ".join(str(error).split())[:200]
        raise ValueError(words if isinstance(error, ValueError) else f"{type(error).__name__} {words}") from None


def _hash_bytes(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
