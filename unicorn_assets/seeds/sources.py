"""Opening the files of a source, local or remote, and telling whether they changed.

Any fsspec URL will do; keys and endpoints come from fsspec's own configuration and the provider's environment variables
(AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL...). Files that end in .gz, .bz2 or .xz are unpacked. Not here: what is inside.
"""

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import fsspec

from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.recipe import Recipe

_PACKINGS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
# Libraries below fsspec raise errors of their own, most of them no OSError. The names avoid importing these libraries.
_ACCESS_LIBRARIES = frozenset({"botocore", "aiobotocore", "aiohttp", "fsspec", "s3fs", "zlib", "_lzma"})


@contextmanager
def reading(url: str, shown: str, *, unpack: bool = True) -> Iterator[IO[bytes]]:
    """The bytes of `url`; every fault of access becomes a UserError that names the file as the recipe writes it."""
    with _access_errors(shown):
        fs, path = _locate(url, shown)
        with Path(path).open("rb") if _is_local(fs) else fs.open(path, "rb") as stream:
            opener = _PACKINGS.get(Path(path).suffix.lower()) if unpack else None
            if opener is None:
                yield stream
            else:
                with opener(stream, "rb") as unpacked:
                    yield unpacked


def sources_fingerprint(recipe: Recipe) -> str:
    """Hash of the content of all source files: local bytes; for remote files ETag and size, or size and time.

    Two equal fingerprints of one recipe mean that nothing has to be read again.
    """
    named = [
        path for source in recipe.sources for path in (source.path, source.labels, source.templates) if path is not None
    ]
    return digest({path: _state(recipe.locate(path), path) for path in named}, 8)


def _state(url: str, shown: str) -> Any:
    with _access_errors(shown):
        fs, path = _locate(url, shown)
        if _is_local(fs):
            with Path(path).open("rb") as stream:
                return hashlib.file_digest(stream, "blake2b").hexdigest()
        info = fs.info(path)
        tag = info.get("ETag") or info.get("etag")
        changed = tag or info.get("LastModified") or info.get("mtime") or info.get("updated")
        return [str(info.get("size")), str(changed)]


def _locate(url: str, shown: str) -> tuple[Any, str]:
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise UserError(f"{shown}: cannot be opened: {error}", "use a local path or s3://bucket/key") from None
    if not _is_local(fs):
        fs.invalidate_cache()  # another process may have written since this one listed
    return fs, str(path)


@contextmanager
def _access_errors(shown: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{shown}: there is no such file", "look at the path in the recipe") from None
    except IsADirectoryError:
        raise UserError(f"{shown}: this is a folder", "name one file; several files are several sources") from None
    except PermissionError as error:
        raise UserError(f"{shown}: may not be read: {error}", "look at the file's permissions or your keys") from None
    except Exception as error:
        if (
            not isinstance(error, OSError | EOFError | UnicodeError)
            and type(error).__module__.split(".")[0] not in _ACCESS_LIBRARIES
        ):
            raise
        hint = "look at the file, the network and your keys" if "://" in shown else "the file may be damaged or cut off"
        raise UserError(f"{shown}: cannot be read: {error or type(error).__name__}", hint) from None


def _is_local(fs: Any) -> bool:
    return "file" in ((fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol)
