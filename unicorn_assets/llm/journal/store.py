"""Where journal parts live: a folder on local disk, or a prefix of an object store through fsspec.

Local: a part is appended to, which survives the death of the process, and synced, which survives a power cut. Its
writer holds an advisory lock (flock) on it, so that everybody can tell a part in the making from one whose writer died.
Object store: every commit is one PUT of one small part.
Bytes and names only; what the bytes mean is in blocks.py.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from unicorn_assets.llm.journal.blocks import CLOSED_HEADER, PART_HEADER, closed_part

PART_SUFFIX = ".part"
INDEX_SUFFIX = ".index"
DAMAGED_SUFFIX = ".damaged"
SUFFIXES = (PART_SUFFIX, INDEX_SUFFIX, DAMAGED_SUFFIX)
STALE_TEMPORARY_S = 3600.0


def new_name(suffix: str) -> str:
    """A name that no other writer uses; names sort by time of creation."""
    return f"{time.time_ns():020d}-{secrets.token_hex(6)}{suffix}"


class Store(Protocol):
    """The few operations a journal needs of a place."""

    commit_at_once: bool
    where: str
    errors: tuple[type[Exception], ...]

    def listing(self) -> dict[str, int]:
        """Names and sizes (bytes) of all parts and indexes, and of what was set aside."""

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes [start, end) of a file; FileNotFoundError if it is gone."""

    def read_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Whole files, those that are gone left out; a few at a time in memory. Any other failure is raised."""

    def mapped(self, name: str) -> Any:
        """A whole file as a buffer, from the page cache where the place allows it."""

    def append(self, name: str | None, block: bytes) -> tuple[str, int]:
        """Hand over a block: (part's name, the block's offset). A None name, or an object store, starts a new part."""

    def sync(self) -> None:
        """Return when every block handed over before is durable; the thread may differ from append's."""

    def close_part(self, name: str, size: int, seal: bytes) -> int:
        """Put a seal behind the first `size` bytes of a part that nobody writes any more; returns its new size."""

    def write(self, name: str, data: Iterator[bytes]) -> None:
        """A new file, whole or not at all."""

    def rename(self, name: str, new: str) -> None:
        """Rename a file."""

    def remove(self, name: str) -> None:
        """Remove a file; no error if it is gone."""

    def sealed(self, name: str) -> contextlib.AbstractContextManager[bool]:
        """Whether nobody is writing the part; nobody else can take it while the context lasts."""

    def release(self) -> None:
        """Let go of the part that append() holds open."""


class LocalStore:
    """A folder; created with the first write."""

    commit_at_once = True
    errors: tuple[type[Exception], ...] = (OSError,)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.where = str(folder)
        self._open: tuple[str, int, int] | None = None  # name, file descriptor, size
        self._durable = 0  # bytes of the open part

    def listing(self) -> dict[str, int]:
        """Names and sizes; removes temporary files that a dead process left an hour ago or earlier."""
        found: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.name.endswith(SUFFIXES):
                        found[entry.name] = entry.stat().st_size
                    elif entry.name.endswith(".tmp") and time.time() - entry.stat().st_mtime > STALE_TEMPORARY_S:
                        self.remove(entry.name)
        return found

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes [start, end) of a file."""
        with (self.folder / name).open("rb") as file:
            file.seek(start)
            return file.read() if end is None else file.read(end - start)

    def read_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """One file after the other."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                yield name, self.read(name)

    def mapped(self, name: str) -> Any:
        """A read-only memory map."""
        with (self.folder / name).open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def append(self, name: str | None, block: bytes) -> tuple[str, int]:
        """Append to the open part; after an error the part is cut back to where it was."""
        if name is None or self._open is None or self._open[0] != name:
            self.release()
            self._open = self._create()
        name, descriptor, size = self._open
        try:
            _write_all(descriptor, block)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
        self._open = (name, descriptor, size + len(block))
        return name, size

    def sync(self) -> None:
        """fdatasync; after an error, which leaves the disk's contents unknown, the part ends where it was durable."""
        if self._open is None:
            return
        _, descriptor, size = self._open
        try:
            os.fdatasync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, self._durable)
            raise
        self._durable = size

    def close_part(self, name: str, size: int, seal: bytes) -> int:
        """The seal first and then the header, each synced, so that no header promises a seal that is not there."""
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, size)
            try:
                os.pwrite(descriptor, seal, size)
                os.fdatasync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
            os.pwrite(descriptor, CLOSED_HEADER, 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        return size + len(seal)

    def _create(self) -> tuple[str, int, int]:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = new_name(PART_SUFFIX)
        temporary = self.folder / (name + ".tmp")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o666)
        # Locked and headed before it gets its name: nobody ever sees a part of ours that looks abandoned.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _write_all(descriptor, PART_HEADER)
        temporary.rename(self.folder / name)
        self._sync_folder()
        self._durable = len(PART_HEADER)
        return name, descriptor, len(PART_HEADER)

    def write(self, name: str, data: Iterator[bytes]) -> None:
        """Temporary file, fsync, rename."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / (name + ".tmp")
        with temporary.open("wb") as file:
            for chunk in data:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.folder / name)
        self._sync_folder()

    def rename(self, name: str, new: str) -> None:
        """Rename a file."""
        (self.folder / name).rename(self.folder / new)

    def remove(self, name: str) -> None:
        """Remove a file."""
        (self.folder / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def sealed(self, name: str) -> Iterator[bool]:
        """True when the writer's lock is free; we hold it meanwhile. A file system without locks: never sealed."""
        try:
            descriptor = os.open(self.folder / name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield False
            return
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                free = (self.folder / name).exists()  # the previous holder may have removed it
            except OSError:
                free = False
            yield free
        finally:
            os.close(descriptor)

    def release(self) -> None:
        """Close the open part, which frees its lock."""
        if self._open is not None:
            os.close(self._open[1])
            self._open = None

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class ObjectStore:
    """A prefix of an object store (s3://...) or any other fsspec file system."""

    commit_at_once = False
    errors: tuple[type[Exception], ...] = (Exception,)  # each object store has a family of its own

    def __init__(self, filesystem: Any, prefix: str, where: str) -> None:
        self._fs = filesystem
        self._prefix = prefix.rstrip("/")
        self.where = where

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def listing(self) -> dict[str, int]:
        """Names and sizes, from the server and not from fsspec's cache."""
        self._fs.invalidate_cache()
        try:
            entries = self._fs.ls(self._prefix, detail=True)
        except FileNotFoundError:
            return {}
        names = {str(entry["name"]).rsplit("/", 1)[-1]: int(entry["size"] or 0) for entry in entries}
        return {name: size for name, size in names.items() if name.endswith(SUFFIXES)}

    def read(self, name: str, start: int = 0, end: int | None = None) -> bytes:
        """One ranged GET; a range beyond the object's end, which S3 refuses, holds no bytes."""
        try:
            return bytes(self._fs.cat_file(self._path(name), start=start or None, end=end))
        except OSError as error:
            if start and error.errno == errno.EINVAL:
                return b""
            raise

    def read_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Sixteen GETs at a time."""
        for start in range(0, len(names), 16):
            paths = {self._path(name): name for name in names[start : start + 16]}
            for path, data in self._fs.cat(list(paths), on_error="return").items():
                if isinstance(data, FileNotFoundError):
                    continue
                if isinstance(data, Exception):  # an object that cannot be read is not one that is gone
                    raise data
                yield paths[path], bytes(data)

    def mapped(self, name: str) -> Any:
        """The whole object in memory."""
        return self.read(name)

    def append(self, name: str | None, block: bytes) -> tuple[str, int]:  # noqa: ARG002 - objects cannot grow
        """One PUT of a complete part."""
        fresh = new_name(PART_SUFFIX)
        self._fs.pipe_file(self._path(fresh), b"".join(closed_part([block])))
        return fresh, len(CLOSED_HEADER)

    def sync(self) -> None:
        """A PUT that has returned is durable."""

    def close_part(self, name: str, size: int, seal: bytes) -> int:  # noqa: ARG002 - objects are whole from the start
        """Nothing to do."""
        return size

    def write(self, name: str, data: Iterator[bytes]) -> None:
        """One PUT."""
        self._fs.pipe_file(self._path(name), b"".join(data))

    def rename(self, name: str, new: str) -> None:
        """Copy, then delete: object stores know no rename."""
        self._fs.cp_file(self._path(name), self._path(new))
        self.remove(name)

    def remove(self, name: str) -> None:
        """Delete; no error if it is gone."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    @contextlib.contextmanager
    def sealed(self, name: str) -> Iterator[bool]:  # noqa: ARG002 - an object is complete or absent
        """Always: a PUT is whole or absent."""
        yield True

    def release(self) -> None:
        """Nothing is held open."""


def store_at(root_url: str, name: str, storage_options: Mapping[str, Any] | None = None) -> Store:
    """The store called `name` below a lake's root: a local path, file://, or s3:// and other fsspec URLs."""
    if "://" not in root_url or root_url.startswith("file://"):
        return LocalStore(Path(root_url.removeprefix("file://")) / name)
    import fsspec

    filesystem, prefix = fsspec.url_to_fs(f"{root_url.rstrip('/')}/{name}", **(storage_options or {}))
    return ObjectStore(filesystem, prefix, f"{root_url.rstrip('/')}/{name}")


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
