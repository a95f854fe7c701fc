"""Writing a file of vectors whose rows come in any order, from several threads; it appears whole or not at all.

.safetensors with `ids` and `vectors` as the lake's shards have them, or .npy, both fp16. Not here: what is written.
"""

import errno
import io
import mmap
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.atomic import replacing
from unicorn_assets.errors import UserError
from unicorn_assets.plain_files import why
from unicorn_assets.safetensors_header import header_bytes

ENDINGS = (".safetensors", ".npy")
_PAGE = 4096


class VectorOutput:
    """An open file of fp16 vectors, written past the page cache where the file system can do that.

    Gigabytes that nobody reads soon would push out what others keep there; and copying them into fresh pages, then
    waiting for these to reach the disk, takes longer than sending them there at once. The system sends whole pages,
    from memory that lies like the file: `room` gives such. `room` and `put` may be called from several threads.
    """

    def __init__(self, descriptor: int, start: int, dimension: int) -> None:
        self._descriptor, self._start, self._dimension = descriptor, start, dimension
        self._direct = _past_the_cache(descriptor)
        self._kept = threading.local()

    def room(self, first: int, rows: int) -> NDArray[np.float16]:
        """(rows, d) memory for the rows from number `first` on, this thread's until it asks again."""
        size = 2 * rows * self._dimension
        memory: NDArray[np.uint8] | None = getattr(self._kept, "memory", None)
        if memory is None or len(memory) < size + _PAGE:
            # Mapped memory starts with a page.
            memory = self._kept.memory = np.frombuffer(mmap.mmap(-1, size + _PAGE), np.uint8)
        begin = self._place(first) % _PAGE
        return memory[begin : begin + size].view(np.float16).reshape(rows, self._dimension)

    def put(self, first: int, rows: NDArray[np.float16]) -> None:
        """Write consecutive rows, the first of which has this number."""
        data = np.ascontiguousarray(rows).view(np.uint8).reshape(-1)
        at = self._place(first)
        begin, end = -at % _PAGE, len(data) - (at + len(data)) % _PAGE
        if begin >= end or (data.ctypes.data - at) % _PAGE or not self._past(data[begin:end], at + begin):
            begin = end = len(data)
        write_all(self._descriptor, data[:begin].data, at)
        write_all(self._descriptor, data[end:].data, at + end)

    def close(self) -> None:
        """Give back what belongs to this object; the descriptor is the caller's."""
        if self._direct is not None:
            os.close(self._direct)

    def _place(self, row: int) -> int:
        return self._start + 2 * row * self._dimension

    def _past(self, data: NDArray[np.uint8], at: int) -> bool:
        """Whether whole pages went past the cache."""
        if self._direct is None:
            return False
        try:
            write_all(self._direct, data.data, at)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return False  # the file system took the flag, but does not do it after all
        return True


def _past_the_cache(descriptor: int) -> int | None:
    """A second descriptor of the file that goes past the page cache; None where there is no such thing."""
    flag = getattr(os, "O_DIRECT", None)
    if flag is None:
        return None
    try:
        return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | flag)
    except OSError:
        return None


@contextmanager
def vector_output(
    path: str,
    rows: int,
    dimension: int,
    ids: Sequence[NDArray[np.uint8]] | None = None,
    about: Mapping[str, str] | None = None,
) -> Iterator[VectorOutput]:
    """A file to fill, which gets its name when the block ends well.

    `ids` are matrices of zero-padded UTF-8 bytes that stand one below the other; .npy has no place for them and is
    refused with ids. `about` goes into the metadata of a .safetensors file.
    """
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"{path}: vectors are written as .safetensors or .npy", "give another name")
    if ending == ".npy" and ids is not None:
        raise UserError(f"{path}: a .npy file has no place for the ids of the texts", "write .safetensors")
    head, tail = (_npy_head(rows, dimension), b"") if ending == ".npy" else _safetensors(rows, dimension, ids, about)
    with whole_file(path) as file:
        descriptor = file.fileno()
        write_all(descriptor, memoryview(head), 0)
        write_all(descriptor, memoryview(tail), len(head) + 2 * rows * dimension)
        output = VectorOutput(descriptor, len(head), dimension)
        try:
            yield output
        finally:
            output.close()


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """A file that appears under `path` when the block ends well, and not when it fails or is killed."""
    target = Path(path)
    if not target.parent.is_dir():
        raise UserError(f"{path}: there is no folder {target.parent}", "make it first")
    with replacing(target) as file:
        yield file


@contextmanager
def whole_folder(path: str) -> Iterator[Path]:
    """A hidden folder to write into, whose files appear in the folder `path` when the block ends well, else none."""
    folder = Path(path)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        hidden = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
    except (OSError, ValueError) as error:
        reason = why(error) if isinstance(error, OSError) else str(error)
        raise UserError(f"{path}: {reason}", "give another folder to write to") from None
    try:
        yield hidden
        for file in sorted(hidden.iterdir()):
            file.replace(folder / file.name)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        if made:
            with suppress(OSError):  # there are files in it
                folder.rmdir()


def refuse_inputs(out: str, inputs: Iterable[str]) -> None:
    """UserError when writing `out` would replace one of the inputs, or put files among those of an input folder."""
    target = Path(out)
    for one in inputs:
        given = Path(one)
        if "://" in one or not given.exists():
            continue
        inside = given.is_dir() and target.resolve().is_relative_to(given.resolve())
        if inside or (target.exists() and target.samefile(given)):
            raise UserError(
                f"{out}: is {'in the folder of' if inside else 'itself'} the input {one}", "write somewhere else"
            )


def write_whole(path: str, data: bytes) -> None:
    """A small file, whole or not at all."""
    with whole_file(path) as file:
        file.write(data)


def write_all(descriptor: int, data: memoryview, at: int) -> None:
    """All of the bytes at this place of the file."""
    while data:
        done = os.pwrite(descriptor, data, at)
        data, at = data[done:], at + done


def _npy_head(rows: int, dimension: int) -> bytes:
    buffer = io.BytesIO()
    about = {"descr": "<f2", "fortran_order": False, "shape": (rows, dimension)}
    np.lib.format.write_array_header_1_0(buffer, about)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _safetensors(
    rows: int, dimension: int, ids: Sequence[NDArray[np.uint8]] | None, about: Mapping[str, str] | None
) -> tuple[bytes, bytes]:
    """(header, ids): what comes before the vectors and after them. The vectors start with a page of the file."""
    arrays: dict[str, tuple[str, Sequence[int]]] = {"vectors": ("F16", (rows, dimension))}
    names = b""
    if ids is not None:
        width = max((part.shape[1] for part in ids), default=1)
        names = b"".join(np.pad(part, ((0, 0), (0, width - part.shape[1]))).tobytes() for part in ids)
        arrays["ids"] = "U8", (rows, width)
    return header_bytes(arrays, about, multiple=_PAGE), names
