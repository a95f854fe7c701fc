"""Where real images are: a folder, single files, tar archives, Parquet files; local or behind a URL; one after another.

Nothing is decoded here (image_decoding.py); archives and Parquet files are opened in image_shards.py.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import fsspec

from unicorn_assets.errors import UserError

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
TAR, PARQUET = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"), (".parquet",)
MAX_FILE_BYTES = 128 << 20  # of one encoded image; a larger one is set aside unread

Corrupt = list[tuple[str, str]]
"""Names of images or shards that were set aside, each with its reason."""


@dataclass(frozen=True)
class Entry:
    """One encoded image: its name, and how to get its bytes; ValueError when that fails."""

    name: str
    read: Callable[[], bytes]


def find_images(path: str, corrupt: Corrupt) -> Iterator[Entry]:
    """All images at `path`, a folder, a file or a glob of files, in the order of their names.

    Shards (.tar, .tar.gz, .parquet) are read as a stream, one after another; one that is damaged goes to `corrupt`, and
    what came before the damage is kept. UserError when there is nothing to read at all.
    """
    from unicorn_assets.representation.image_shards import parquet_entries, tar_entries

    fs, files = _files(path)
    for name, location in files:
        if name.lower().endswith(TAR):
            yield from tar_entries(fs, name, location, corrupt)
        elif name.lower().endswith(PARQUET):
            yield from parquet_entries(fs, name, location, corrupt)
        else:
            yield Entry(name, lambda location=location: _read(fs, location))  # type: ignore[misc]


def _files(path: str) -> tuple[Any, list[tuple[str, str]]]:
    """(file system, [(name, location)]) of the images and shards at `path`, sorted by name."""
    fs, root = fsspec.core.url_to_fs(path)
    root = root.rstrip("/")
    if fs.isfile(root):
        found, base = [root], root.rsplit("/", 1)[0]
    elif fs.isdir(root):
        found, base = fs.find(root), root
    elif any(mark in root for mark in "*?["):
        found, base = fs.glob(root), re.split(r"[*?\[]", root)[0].rsplit("/", 1)[0]
    else:
        raise UserError(f"{path}: there is no such folder or file", "check image_reference.path, or --images")
    names = sorted((str(location)[len(base) + 1 :], str(location)) for location in found)
    wanted = [(name, location) for name, location in names if name.lower().endswith((*ENDINGS, *TAR, *PARQUET))]
    if not wanted:
        raise UserError(
            f"{path} holds no images ({len(names)} other files)",
            f"images are read from {', '.join(ENDINGS)}, and from {', '.join(TAR + PARQUET)}",
        )
    return fs, wanted


def _read(fs: Any, location: str) -> bytes:
    try:
        size = fs.size(location)
        if size is not None and size > MAX_FILE_BYTES:
            raise ValueError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
        data: bytes = fs.cat_file(location)
    except OSError as error:
        raise ValueError(f"cannot be read: {error}") from None
    return data
