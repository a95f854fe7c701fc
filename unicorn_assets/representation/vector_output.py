"""Writing a file of vectors whose rows come in any order, from several threads; it appears whole or not at all.

.safetensors with `ids` and `vectors` as the lake's shards have them, or .npy, both fp16. Not here: what is written.
"""

import io
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError

ENDINGS = (".safetensors", ".npy")


class VectorOutput:
    """An open file of `rows` fp16 vectors. `put` may be called from several threads."""

    def __init__(self, descriptor: int, start: int, dimension: int) -> None:
        self._descriptor, self._start, self._row_bytes = descriptor, start, 2 * dimension

    def put(self, first: int, rows: NDArray[np.float16]) -> None:
        """Write consecutive rows, the first of which has this number."""
        data = np.ascontiguousarray(rows).view(np.uint8).reshape(-1)
        write_all(self._descriptor, data.data, self._start + first * self._row_bytes)


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
    head = _npy_head(rows, dimension) if ending == ".npy" else _safetensors_head(rows, dimension, ids, about or {})
    with whole_file(path) as descriptor:
        write_all(descriptor, memoryview(head), 0)
        yield VectorOutput(descriptor, len(head), dimension)


@contextmanager
def whole_file(path: str) -> Iterator[int]:
    """A descriptor of a file that appears under `path` when the block ends well, and not when it fails or is killed."""
    target = Path(path)
    if not target.parent.is_dir():
        raise UserError(f"{path}: there is no folder {target.parent}", "make it first")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    nameless = False
    try:
        # A file without a name is gone when its process is, however that ends. Not every file system has them.
        descriptor = os.open(target.parent, os.O_TMPFILE | os.O_RDWR, 0o644)
        nameless = True
    except (OSError, AttributeError):
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    try:
        yield descriptor
        os.fsync(descriptor)
        if nameless:
            _give_name(descriptor, temporary)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _give_name(descriptor: int, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # Only with a folder's descriptor does Python ask the system to follow the link to the nameless file.
        os.link(f"/proc/self/fd/{descriptor}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def write_whole(path: str, data: bytes) -> None:
    """A small file, whole or not at all."""
    with whole_file(path) as descriptor:
        write_all(descriptor, memoryview(data), 0)


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


def _safetensors_head(
    rows: int, dimension: int, ids: Sequence[NDArray[np.uint8]] | None, about: Mapping[str, str]
) -> bytes:
    """The header, then the ids: the vectors come last, where rows of any number can be put."""
    header: dict[str, object] = {"__metadata__": {key: about[key] for key in sorted(about)}} if about else {}
    names = b""
    if ids is not None:
        width = max((part.shape[1] for part in ids), default=1)
        names = b"".join(np.pad(part, ((0, 0), (0, width - part.shape[1]))).tobytes() for part in ids)
        header["ids"] = {"dtype": "U8", "shape": [rows, width], "data_offsets": [0, len(names)]}
    end = len(names) + 2 * rows * dimension
    header["vectors"] = {"dtype": "F16", "shape": [rows, dimension], "data_offsets": [len(names), end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + names
