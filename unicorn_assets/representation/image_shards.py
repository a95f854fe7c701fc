"""Images inside tar archives (as WebDataset writes them) and Parquet files (as Hugging Face data sets have them).

Both are read as a stream: memory holds one member, or one row group, whatever the size of the shard.
"""

import tarfile
import zlib
from collections.abc import Iterator
from lzma import LZMAError
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.representation.image_files import ENDINGS, MAX_FILE_BYTES, Corrupt, Entry

IMAGE_COLUMNS = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes", "content")
ROWS = 16  # of a Parquet file at a time


def tar_entries(fs: Any, name: str, location: str, corrupt: Corrupt) -> Iterator[Entry]:
    """The images of an archive, compressed or not; other members, such as captions and metadata, are skipped."""
    read = 0
    try:
        with fs.open(location, "rb") as raw, _unpacked(raw, name) as stream:
            tail: Any = _Tail(stream)
            archive = tarfile.open(fileobj=tail, mode="r|")  # noqa: SIM115 - closing it would close nothing
            for member in archive:
                if not member.isfile() or not member.name.lower().endswith(ENDINGS):
                    continue
                if member.size > MAX_FILE_BYTES:
                    corrupt.append((f"{name}/{member.name}", f"larger than {MAX_FILE_BYTES >> 20} MiB"))
                    continue
                content = archive.extractfile(member)
                data = content.read() if content else b""
                if len(data) < member.size:
                    raise tarfile.ReadError(f"it ends inside {member.name}")
                yield Entry(f"{name}/{member.name}", lambda data=data: data)  # type: ignore[misc]
                read += 1
            if not tail.ends_with_zeros():
                raise tarfile.ReadError("it has no end mark")
    except (tarfile.TarError, OSError, EOFError, zlib.error, LZMAError) as error:
        corrupt.append((name, f"damaged archive, after {read} images: {error}"))


def _unpacked(raw: Any, name: str) -> Any:
    """The archive's bytes. tarfile's own unpacking takes a stream that is cut off for one that ends."""
    import bz2
    import gzip
    import lzma

    lower = name.lower()
    if lower.endswith((".gz", ".tgz")):
        return gzip.GzipFile(fileobj=raw)
    if lower.endswith(".bz2"):
        return bz2.BZ2File(raw)
    return lzma.LZMAFile(raw) if lower.endswith(".xz") else raw


class _Tail:
    """A stream that remembers its last bytes: an archive ends with blocks of zeros, one that was cut off does not."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._last = stream, b""

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read(size)
        self._last = (self._last + data[-tarfile.BLOCKSIZE :])[-tarfile.BLOCKSIZE :]
        return data

    def ends_with_zeros(self) -> bool:
        while self.read(1 << 16):
            pass
        return self._last == bytes(tarfile.BLOCKSIZE)


def parquet_entries(fs: Any, name: str, location: str, corrupt: Corrupt) -> Iterator[Entry]:
    """The images of a column of binaries, or of structs with a field `bytes`; named by their row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = 0
    try:
        with fs.open(location, "rb") as raw, pq.ParquetFile(raw, pre_buffer=False) as opened:
            column = _image_column(opened.schema_arrow, name)
            for batch in opened.iter_batches(ROWS, columns=[column]):
                for value in batch.column(0).to_pylist():
                    data = value.get("bytes") if isinstance(value, dict) else value
                    if data is None:
                        corrupt.append((f"{name}#{row}", "the row holds no bytes"))
                    else:
                        yield Entry(f"{name}#{row}", lambda data=data: data)  # type: ignore[misc]
                    row += 1
    except (pa.ArrowException, OSError) as error:
        corrupt.append((name, f"damaged Parquet file, after {row} rows: {str(error).splitlines()[0]}"))


def _image_column(schema: Any, name: str) -> str:
    import pyarrow as pa

    def is_binary(kind: Any) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    def holds_images(kind: Any) -> bool:
        if pa.types.is_struct(kind):
            return any(field.name == "bytes" and is_binary(field.type) for field in kind)
        return is_binary(kind)

    found = [field.name for field in schema if holds_images(field.type)]
    named = [column for column in IMAGE_COLUMNS if column in found]
    if named or len(found) == 1:
        return str((named or found)[0])
    raise UserError(
        f"{name}: no column of images among {', '.join(schema.names)}",
        f"store encoded images as bytes, or as structs with a field bytes, in a column named {IMAGE_COLUMNS[0]!r}",
    )
