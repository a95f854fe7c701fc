"""Images inside tar archives (as WebDataset writes them) and Parquet files (as Hugging Face data sets have them).

Both are read as a stream: memory holds one member, or one row group, whatever the size of the shard, and whatever it
claims to unpack to.
"""

import tarfile
from collections.abc import Callable, Iterator
from typing import Any, Self

from unicorn_assets.errors import UserError
from unicorn_assets.images.entries import ENDINGS, MAX_FILE_BYTES, Corrupt, Entry
from unicorn_assets.parquet_pages import open_parquet
from unicorn_assets.plain_files import why

IMAGE_COLUMNS = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes", "content")
ROWS = 16  # of a Parquet file at a time
MOST_HEADER = 1 << 20  # bytes of a long name or of further attributes
FREE_UNPACKED, MOST_PACKED = 256 << 20, 250
"""Bytes that an archive may unpack to, and how many times its packed size beyond: images are packed already."""

Open = Callable[[], Any]


def tar_entries(opened: Open, name: str, corrupt: Corrupt) -> Iterator[Entry]:
    """The images of an archive, compressed or not; other members, such as captions and metadata, are skipped."""
    read = 0
    try:
        with opened() as raw, _unpacked(raw, name) as stream:
            tail: Any = _Tail(stream, raw)
            # closing it would close nothing
            archive: Any = tarfile.open(fileobj=tail, mode="r|", tarinfo=_Member)  # noqa: SIM115
            while member := archive.next():
                archive.members.clear()  # it would keep all of them
                archive.pax_headers.clear()
                if not member.isfile() or not member.name.lower().endswith(ENDINGS):
                    continue
                if not 0 <= member.size <= MAX_FILE_BYTES:
                    corrupt.append((f"{name}/{member.name}", f"larger than {MAX_FILE_BYTES >> 20} MiB"))
                    continue
                content = archive.extractfile(member)
                data = content.read() if content else b""
                if len(data) < member.size:
                    raise tarfile.ReadError(f"it ends inside {member.name}")
                yield Entry(f"{name}/{member.name}", lambda data=data: data, len(data))  # type: ignore[misc]
                read += 1
            if not tail.ends_with_zeros():
                raise tarfile.ReadError("it has no end mark")
    except GeneratorExit:
        raise
    except Exception as error:  # tarfile and three unpackers, each with errors of its own
        corrupt.append((name, f"damaged archive, after {read} images: {_said(error)}"))


class _Member(tarfile.TarInfo):
    """A member of which no header is larger than any honest one, and whose damage is not taken for the end."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile)
        except InvalidHeader as error:
            raise Damaged(f"damaged header: {error}") from None

    def _proc_member(self, tarfile: tarfile.TarFile) -> Self:
        if self.type in _HEADERS and not 0 <= self.size <= MOST_HEADER:
            raise Damaged(f"a header of {self.size:,} bytes")
        found: Self = super()._proc_member(tarfile)  # type: ignore[misc]
        return found


InvalidHeader: Any = tarfile.InvalidHeaderError  # type: ignore[attr-defined]
Damaged = tarfile.ReadError
_HEADERS = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE
)  # fmt: skip


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
    """A stream that remembers its last bytes: an archive ends with blocks of zeros, one that was cut off does not.

    ReadError when it goes on for far longer than what is packed.
    """

    def __init__(self, stream: Any, raw: Any) -> None:
        self._stream, self._raw, self._last, self._total = stream, raw, b"", 0

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read(size)
        self._last = (self._last + data[-tarfile.BLOCKSIZE :])[-tarfile.BLOCKSIZE :]
        self._total += len(data)
        if self._total > FREE_UNPACKED and self._total > MOST_PACKED * self._raw.tell():
            raise tarfile.ReadError(f"it unpacks to more than {MOST_PACKED} times its size")
        return data

    def ends_with_zeros(self) -> bool:
        while self.read(1 << 16):
            pass
        return self._last == bytes(tarfile.BLOCKSIZE)


def parquet_entries(opened: Open, name: str, corrupt: Corrupt) -> Iterator[Entry]:
    """The images of a column of binaries, or of structs with a field `bytes`; named by their row."""
    row = 0
    try:
        with opened() as raw, open_parquet(raw) as file:
            for batch in file.iter_batches(ROWS, columns=[_image_column(file.schema_arrow, name)]):
                for value in batch.column(0):
                    data = value.as_py()
                    data = data.get("bytes") if isinstance(data, dict) else data
                    if data is None:
                        corrupt.append((f"{name}#{row}", "the row holds no bytes"))
                    else:
                        yield Entry(f"{name}#{row}", lambda data=data: data, len(data))  # type: ignore[misc]
                    row += 1
            if row < file.metadata.num_rows:
                raise ValueError(f"it speaks of {file.metadata.num_rows:,} rows")
    except (GeneratorExit, UserError):
        raise
    except Exception as error:  # pyarrow has many ways to say that a file is damaged
        corrupt.append((name, f"damaged Parquet file, after {row} rows: {_said(error)}"))


def _said(error: Exception) -> str:
    text = why(error) if isinstance(error, OSError) else str(error)
    return " ".join(text.split())[:200] or type(error).__name__


def _image_column(schema: Any, name: str) -> str:
    """The column's name, with that of its field of bytes."""
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
        chosen = str((named or found)[0])
        return f"{chosen}.bytes" if pa.types.is_struct(schema.field(chosen).type) else chosen
    raise UserError(
        f"{name}: no column of images among {', '.join(schema.names)}",
        f"store encoded images as bytes, or as structs with a field bytes, in a column named {IMAGE_COLUMNS[0]!r}",
    )
