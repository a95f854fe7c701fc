"""Files of strangers, opened so that nothing waits and nothing is larger than it may be; their names, fit to be shown.

A named pipe in the place of a file would be waited for for ever, a device read without end. Not here: what is in files.
"""

import errno
import os
import stat
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import BinaryIO

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_plain(path: str | PathLike[str]) -> BinaryIO:
    """A regular file, or a link to one, open for reading; OSError at once for everything else."""
    try:
        _require_file(Path(path).stat().st_mode, path)  # opening some devices already does something
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except ValueError as error:  # a NUL in the path
        raise OSError(errno.EINVAL, str(error)) from None
    try:
        _require_file(os.fstat(descriptor).st_mode, path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_plain(path: str | PathLike[str], most: int) -> bytes:
    """The bytes of a regular file of at most `most` bytes; OSError for everything else."""
    with open_plain(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"larger than {most >> 20} MiB" if most >> 20 else f"larger than {most:,} bytes")
    return data


def read_anywhere(path: str, most: int) -> bytes:
    """The same of a path or of a URL that fsspec knows; FileNotFoundError and other OSErrors."""
    if "://" not in path:
        return read_plain(path, most)
    import fsspec

    with fsspec.open(path, "rb") as file:
        data: bytes = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"larger than {most >> 20} MiB")
    return data


def why(error: OSError) -> str:
    """An operating system's error without number and path."""
    return error.strerror or str(error) or type(error).__name__


def shown(name: str) -> str:
    """A file's name as one printable line of valid text: what is not, such as a line break, stands there escaped."""
    if name.isascii() and name.isprintable():
        return name
    readable = name.encode("utf-8", "surrogateescape" if _from_bytes(name) else "backslashreplace")
    text = readable.decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _from_bytes(name: str) -> bool:
    """Whether every lone surrogate stands for one byte that is not UTF-8, as in names that the system gave."""
    return all("\udc80" <= one <= "\udcff" for one in name if "\ud800" <= one <= "\udfff")


def _require_file(mode: int, path: str | PathLike[str]) -> None:
    if not stat.S_ISREG(mode):
        kind = next((words for test, words in _KINDS if test(mode)), "something else")
        raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))
