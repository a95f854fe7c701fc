"""Replacing a file on local disk whole: readers see the old one or the new one, also after a kill or a power cut.

Not here: where files lie, object stores (lake/files.py), the journal, which grows in place (llm/journal/).
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

WRITING = ".writing"
"""What the hidden name of a file ends with while it is written; a writer that is killed may leave one."""


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """A binary file, readable too, that appears as `target` when the block ends well, and not when it fails.

    `target`'s folder must be there; the umask decides who may read. OSError as the file system gives it.
    """
    # Not tempfile: its files are for their owner only, whatever the umask grants the group.
    temporary = target.parent / f".{secrets.token_hex(8)}{WRITING}"
    descriptor, nameless = _open(temporary)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
            if nameless:
                _give_name(descriptor, temporary)
        temporary.replace(target)
        sync_folder(target.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Names in this folder survive a power cut from now on."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(temporary: Path) -> tuple[int, bool]:
    """(descriptor, whether it has no name yet): such a file is gone when its process is, however that ends. Not every
    file system has them, and a name is given to one by way of /proc.
    """
    try:
        descriptor = os.open(temporary.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
    except (OSError, AttributeError):
        pass
    else:
        if Path(f"/proc/self/fd/{descriptor}").exists():
            return descriptor, True
        os.close(descriptor)
    return os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666), False


def _give_name(descriptor: int, path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # Only with a folder's descriptor does Python ask the system to follow the link to the nameless file.
        os.link(f"/proc/self/fd/{descriptor}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)
