"""Opening the files of a source, local or remote, and telling whether they changed.

Any fsspec URL will do; keys and endpoints come from fsspec's own configuration and the provider's environment variables
(AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL...). Files that end in .gz, .bz2 or .xz are unpacked. Not here: what is inside,
which files a folder has (listing.py).
"""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit

import fsspec

from unicorn_assets.errors import UserError
from unicorn_assets.seeds.normalise import escaped

MAX_RATIO = 250
"""Unpacked to packed bytes; texts pack to a tenth, the same line over and over to a hundredth."""
FREE_BYTES = 16 << 20
"""Unpacked before the ratio counts."""
_PACKINGS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
# Libraries below fsspec raise errors of their own, most of them no OSError. The names avoid importing these libraries.
_ACCESS_LIBRARIES = frozenset({"botocore", "aiobotocore", "aiohttp", "fsspec", "s3fs", "zlib", "_lzma"})


class UnreachableError(UserError):
    """A file that cannot be got at now: it, the network or a key is missing. What it holds is not at fault."""


@contextmanager
def reading(url: str, shown: str, *, unpack: bool = True) -> Iterator[IO[bytes]]:
    """The bytes of `url`; every fault of access becomes a UserError that names the file as the recipe writes it."""
    with access_errors(shown), _opened(url, shown) as stream:
        opener = _PACKINGS.get(Path(urlsplit(url).path if "://" in url else url).suffix.lower()) if unpack else None
        if opener is None:
            yield stream
        else:
            with opener(stream, "rb") as unpacked:
                yield cast(IO[bytes], _Unpacked(unpacked, stream, shown))


class _Unpacked(io.RawIOBase):
    """What a packed file holds, up to what texts can pack into it: a small file that unpacks without end is refused."""

    def __init__(self, unpacked: IO[bytes], packed: IO[bytes], shown: str) -> None:
        super().__init__()
        self._unpacked, self._packed, self._shown = unpacked, packed, shown

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._unpacked.seek(offset, whence)

    def tell(self) -> int:
        return self._unpacked.tell()

    def read(self, size: int = -1, /) -> bytes:
        data = self._unpacked.read(size)
        out, packed = self._unpacked.tell(), max(self._packed.tell(), 1)
        if out > FREE_BYTES and out > packed * MAX_RATIO:
            raise UserError(
                f"{self._shown}: unpacks to more than {MAX_RATIO} times its size: {out:,} bytes from {packed:,}",
                "if these are real texts, unpack the file and name what comes out",
            )
        return data

    def read1(self, size: int = -1, /) -> bytes:
        return self.read(size if size >= 0 else io.DEFAULT_BUFFER_SIZE)


def state_of(url: str, shown: str) -> Any:
    """What changes when the file does: a hash of local bytes; for remote files ETag and size, or size and time."""
    with access_errors(shown):
        fs, path = locate(url, shown)
        if fs is None:
            with _open_local(path, shown) as stream:
                return hashlib.file_digest(stream, "blake2b").hexdigest()
        info = fs.info(path)
        if info.get("type") == "directory":
            raise IsADirectoryError(path)
        return remote_state(info)


def remote_state(info: Mapping[str, Any]) -> list[str]:
    """The state of a remote file by what its store says of it."""
    tag = info.get("ETag") or info.get("etag")
    changed = tag or info.get("LastModified") or info.get("mtime") or info.get("updated")
    return [str(info.get("size")), str(changed)]


def _opened(url: str, shown: str) -> IO[bytes]:
    fs, path = locate(url, shown)
    if fs is None:
        return _open_local(path, shown)
    try:
        return cast(IO[bytes], fs.open(path, "rb"))
    except ValueError as error:  # a bucket without a key, a URL that is none
        raise UserError(f"{shown}: cannot be opened: {error}", "name one file, such as s3://bucket/key") from None


def _open_local(path: str, shown: str) -> io.BufferedReader:
    """A plain file. Opening a pipe or a device would wait for ever, or never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(path)
    raise UserError(f"{shown}: this is a pipe or a device, not a file", "write what comes out of it into a file")


def locate(url: str, shown: str) -> tuple[Any, str]:
    """File system and path there; None for the local one, where every character may be part of a name."""
    if "://" not in url:
        return None, url
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise UserError(f"{shown}: cannot be opened: {error}", "use a local path or s3://bucket/key") from None
    if _is_local(fs):
        return None, str(path)
    fs.invalidate_cache()  # another process may have written since this one listed
    return fs, str(path)


@contextmanager
def access_errors(shown: str) -> Iterator[None]:
    """Every fault of access as a UserError that names the file as the recipe writes it."""
    try:
        yield
    except FileNotFoundError:
        raise UnreachableError(f"{shown}: there is no such file", "look at the path in the recipe") from None
    except IsADirectoryError:
        raise UserError(f"{shown}: this is a folder", "only `path` takes a folder; name one file") from None
    except UserError:
        raise
    except PermissionError as error:
        raise UnreachableError(
            f"{shown}: may not be read: {error}", "look at the file's permissions or your keys"
        ) from None
    except Exception as error:
        if (
            not isinstance(error, OSError | EOFError | UnicodeError)
            and not (isinstance(error, ValueError) and "null byte" in str(error))
            and type(error).__module__.split(".")[0] not in _ACCESS_LIBRARIES
        ):
            raise
        hint = "look at the file, the network and your keys" if "://" in shown else "the file may be damaged or cut off"
        # A packed file that is cut off raises an OSError without a number, or an error of its own.
        is_content = isinstance(error, EOFError | ValueError) or type(error).__module__ in ("zlib", "_lzma", "gzip")
        told = (
            UserError
            if is_content or (isinstance(error, OSError) and error.errno is None and "://" not in shown)
            else UnreachableError
        )
        raise told(f"{shown}: cannot be read: {escaped(str(error)[:300]) or type(error).__name__}", hint) from None


def _is_local(fs: Any) -> bool:
    return "file" in ((fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol)
