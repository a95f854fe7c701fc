"""Bytes in and out of a lake root, on local disk or any fsspec file system; writes are all or nothing.

Here: joining, listing, replacing. Not here: formats, how a local file is replaced (atomic.py).
"""

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from unicorn_assets.atomic import WRITING, replacing, sync_folder
from unicorn_assets.errors import UserError
from unicorn_assets.redaction import redact


def _without_keys(root: str) -> None:
    """A lake's address stands in its tables' metadata, in Dagster's records and in messages: no place for a key."""
    try:
        parts = urlsplit(root)
        holds = "@" in parts.netloc or bool(parts.query)
    except ValueError:
        holds = True
    if holds:
        raise UserError(
            f"the lake's address {redact(root)} holds a key or a query",
            "give keys by the provider's environment variables, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )


class Files:
    """A folder that may live anywhere. `root` is a path or a URL such as s3://bucket/prefix."""

    def __init__(self, root: str, storage_options: dict[str, Any] | None = None) -> None:
        self.is_local = "://" not in root or root.startswith("file://")
        if self.is_local:
            self.root = self._path = str(Path(root.removeprefix("file://")).absolute()).rstrip("/")
            return
        _without_keys(root)
        import fsspec

        try:
            self.fs, path = fsspec.core.url_to_fs(root, **(storage_options or {}))
        except (ValueError, ImportError) as error:
            raise UserError(f"cannot open {root}: {error}", "use a local path or s3://bucket/prefix") from None
        self.root = root.rstrip("/")
        self._path = str(path).rstrip("/")
        # Another process may have written since this one listed.
        self.fs.use_listings_cache = False

    @cached_property
    def fs(self) -> Any:
        """The fsspec file system; of a local disk for those who want one: here the disk is asked without."""
        from fsspec.implementations.local import LocalFileSystem

        return LocalFileSystem()

    def url(self, name: str) -> str:
        """Full path or URL of `name`, as a person or DuckDB would write it."""
        return f"{self.root}/{name}"

    def path(self, name: str) -> str:
        """Path of `name` inside the file system."""
        return f"{self._path}/{name}"

    def exists(self, name: str) -> bool:
        """Whether `name` is there now."""
        if self.is_local:
            return os.path.exists(self.path(name))  # noqa: PTH110 - a Path costs more than the call
        self._forget(name)
        return bool(self.fs.exists(self.path(name)))

    def size(self, name: str) -> int:
        """Size in bytes."""
        if self.is_local:
            return os.stat(self.path(name)).st_size  # noqa: PTH116
        self._forget(name)
        return int(self.fs.size(self.path(name)))

    def read(self, name: str) -> bytes:
        """The whole file, in one request: parts read side by side could come from the old file and the new one."""
        if self.is_local:
            return self._part(name)
        return bytes(self.fs.cat_file(self.path(name), max_concurrency=1))

    def head(self, name: str, size: int) -> bytes:
        """The first `size` bytes, or fewer when the file is shorter."""
        if self.is_local:
            return self._part(name, size=size)
        return bytes(self.fs.cat_file(self.path(name), start=0, end=size))

    def tail(self, name: str, size: int) -> bytes:
        """The last `size` bytes, or fewer when the file is shorter."""
        if self.is_local:
            return self._part(name, start=-size)
        return bytes(self.fs.cat_file(self.path(name), start=-size))

    def _part(self, name: str, start: int = 0, size: int = -1) -> bytes:
        """Local disk: `size` bytes from `start`, which counts from the end when it is below 0."""
        with open(self.path(name), "rb") as file:  # noqa: PTH123
            if start:
                file.seek(max(start, -os.fstat(file.fileno()).st_size), os.SEEK_END)
            return file.read(size)

    def names(self, folder: str, suffix: str = "") -> list[str]:
        """Sorted names of the files directly in `folder` that end with `suffix`; temporary files are left out."""
        self._forget(folder)
        try:
            found = os.listdir(self.path(folder)) if self.is_local else self.fs.ls(self.path(folder), detail=False)  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return []
        bare = (str(path).rstrip("/").rsplit("/", 1)[-1] for path in found)
        return sorted(name for name in bare if name.endswith(suffix) and not name.startswith("."))

    def walk(self, folder: str, suffix: str = "") -> list[str]:
        """Sorted names, relative to `folder`, of all files below it that end with `suffix`; none that is hidden.

        With a suffix a folder of such a name is among them: it lies where a file should, and whoever reads it says so.
        """
        self._forget(folder)
        start = len(self.path(folder)) + 1
        if self.is_local:  # fsspec asks for the size of each file, too
            places = os.walk(self.path(folder), followlinks=True)
            found = (
                f"{place}/{name}"[start:]
                for place, folders, names in places
                for name in ([*names, *folders] if suffix else names)
            )
        else:
            found = (str(path)[start:] for path in self.fs.find(self.path(folder), withdirs=bool(suffix)))
        return sorted(name for name in found if name.endswith(suffix) and "/." not in f"/{name}")

    def write(self, name: str, data: bytes) -> None:
        """Replace `name` whole: a reader sees the old file or the new one, also after a power cut."""
        if self.is_local:
            with self.writing(name) as file:
                file.write(data)
        else:
            self.fs.pipe_file(self.path(name), data)

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """A binary file, readable too, that appears under `name` when the block ends well, and not when it fails."""
        if not self.is_local:
            # A temporary local file keeps memory flat. put_file gives up a broken upload; a file object of fsspec
            # would complete it when closed, and so publish the first half.
            with tempfile.NamedTemporaryFile() as buffer:
                yield buffer
                buffer.flush()
                self.fs.put_file(buffer.name, self.path(name))
            return
        target_path = Path(self.path(name))
        target_path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target_path) as local:
            yield local

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        if self.exists(name):
            self.fs.rm_file(self.path(name))

    def remove_folder(self, name: str) -> None:
        """Remove a folder and all below it, if it is there."""
        if self.exists(name):
            self.fs.rm(self.path(name), recursive=True)

    def set_aside(self, name: str, mark: str) -> str:
        """Give a file or folder a name that ends with `mark` and the time; returns that name, empty when it is gone."""
        aside = f"{name}{mark}{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(2)}"
        try:
            if self.is_local:
                Path(self.path(name)).rename(self.path(aside))
            else:
                self._forget(name)
                self.fs.mv(self.path(name), self.path(aside), recursive=bool(self.fs.isdir(self.path(name))))
        except FileNotFoundError:
            return ""
        return aside

    def leftovers(self, older_s: float) -> list[str]:
        """Local disk only: hidden files of writers that were killed, not written to for so many seconds."""
        if not self.is_local:
            return []
        root, before, found = Path(self._path), time.time() - older_s, list[str]()
        for path in root.rglob(f".*{WRITING}"):
            with contextlib.suppress(FileNotFoundError):  # its writer has just ended
                if path.is_file() and path.stat().st_mtime < before:
                    found.append(path.relative_to(root).as_posix())
        return sorted(found)

    def stamp(self, name: str) -> tuple[int, ...] | None:
        """Local disk only: what changes when a file is replaced or written to; None when it is not there."""
        try:
            found = os.stat(self.path(name))  # noqa: PTH116 - a Path costs more than the call
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino

    def rename_folder(self, name: str, new_name: str) -> None:
        """Local disk only: give a finished folder its name in one step. S3 has no folders to rename."""
        target = Path(self.path(new_name))
        Path(self.path(name)).rename(target)
        sync_folder(target.parent)

    def _forget(self, name: str) -> None:
        if not self.is_local:
            self.fs.invalidate_cache(self.path(name))
            self.fs.invalidate_cache(self.path(name).rsplit("/", 1)[0])
