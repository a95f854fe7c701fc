"""Where real images are: a folder, single files, tar archives, Parquet files; local or behind a URL; one after another.

Nothing is decoded here (decoding.py); archives and Parquet files are opened in shards.py. What is no file,
such as a pipe, is named and left; a folder is entered once, however many links lead to it.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from unicorn_assets.errors import UserError
from unicorn_assets.images.entries import ENDINGS, MAX_FILE_BYTES, Corrupt, Entry
from unicorn_assets.images.shards import parquet_entries, tar_entries
from unicorn_assets.plain_files import open_plain, read_plain, shown, why

TAR, PARQUET = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"), (".parquet",)
_ALL = (*ENDINGS, *TAR, *PARQUET)


def find_images(path: str, corrupt: Corrupt) -> Iterator[Entry]:
    """All images at `path`, a folder, a file or a glob of files, in the order of their names.

    Shards (.tar, .tar.gz, .parquet) are read as a stream, one after another; one that is damaged goes to `corrupt`, and
    what came before the damage is kept. UserError when there is nothing to read at all.
    """
    fs, files = _files(path, corrupt)
    for name, location in files:
        label = shown(name)
        if name.lower().endswith(TAR):
            yield from tar_entries(lambda: open_binary(fs, location), label, corrupt)  # noqa: B023 - used at once
        elif name.lower().endswith(PARQUET):
            yield from parquet_entries(lambda: open_binary(fs, location), label, corrupt)  # noqa: B023
        else:
            yield Entry(label, lambda location=location: _read(fs, location))  # type: ignore[misc]


def open_binary(fs: Any, location: str) -> Any:
    """A file to read from; OSError for what is no file."""
    return open_plain(location) if isinstance(fs, LocalFileSystem) else fs.open(location, "rb")


def _files(path: str, corrupt: Corrupt) -> tuple[Any, list[tuple[str, str]]]:
    """(file system, [(name, location)]) of the images and shards at `path`, sorted by name."""
    try:
        fs, root = fsspec.core.url_to_fs(path)
        root = root.rstrip("/") or "/"
        local = isinstance(fs, LocalFileSystem)
        base = root.rstrip("/")
        if fs.isfile(root):
            found, base = [root], root.rsplit("/", 1)[0]
        elif fs.isdir(root):
            found = list(_walk(root, corrupt)) if local else fs.find(root)
        elif any(mark in root for mark in "*?["):
            found, base = fs.glob(root), re.split(r"[*?\[]", root)[0].rsplit("/", 1)[0]
        else:
            raise UserError(f"{path}: there is no such folder or file", "check image_reference.path, or --images")
    except (OSError, ValueError, re.error) as error:  # a NUL in the path, a name that is too long, a broken pattern
        reason = why(error) if isinstance(error, OSError) else str(error)
        raise UserError(f"{path}: {reason}", "check image_reference.path, or --images") from None
    names = sorted((str(location)[len(base) + 1 :], str(location)) for location in found)
    wanted = [(name, location) for name, location in names if name.lower().endswith(_ALL)]
    if not wanted and not corrupt:
        raise UserError(
            f"{path} holds no images ({len(names)} other files)",
            f"images are read from {', '.join(ENDINGS)}, and from {', '.join(TAR + PARQUET)}",
        )
    return fs, wanted


def _walk(root: str, corrupt: Corrupt) -> Iterator[str]:
    """All files below a folder; links to folders are followed, but no folder is entered twice."""
    waiting, entered = [root], set[tuple[int, int]]()
    while waiting:
        folder = waiting.pop()
        try:
            about = Path(folder).stat()
            if (about.st_dev, about.st_ino) in entered:
                continue
            entered.add((about.st_dev, about.st_ino))
            with os.scandir(folder) as entries:
                for entry in entries:
                    if _is_dir(entry):
                        waiting.append(entry.path)
                    else:
                        yield entry.path
        except OSError as error:
            corrupt.append((folder[len(root) + 1 :] or root, f"folder cannot be read: {why(error)}"))


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False


def _read(fs: Any, location: str) -> bytes:
    try:
        if isinstance(fs, LocalFileSystem):
            return read_plain(location, MAX_FILE_BYTES)
        size = fs.size(location)
        if size is not None and size > MAX_FILE_BYTES:
            raise ValueError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
        data: bytes = fs.cat_file(location)
    except OSError as error:
        raise ValueError(f"cannot be read: {why(error)}") from None
    return data
