"""What local files hold now, as a few hexadecimal digits. Not here: what the files are for."""

import hashlib
from functools import lru_cache
from pathlib import Path

from unicorn_assets.ids import digest

ABSENT = "absent"  # files that are named but not there; whoever opens them says so in words
_WHOLE = 1 << 30  # bytes of a file up to which all of it is hashed; of a larger one, samples are
_SAMPLES, _SAMPLE = 256, 1 << 20


def fingerprint(path: str) -> str:
    """What local files hold now, in few digits: content of one file, names and sizes in a folder or under a glob."""
    place = Path(path)
    if not path or "://" in path:
        return ABSENT
    if place.is_file():
        return file_hash(place)
    root, pattern = (place, "**/*") if place.is_dir() else (place.parent, place.name)
    files = sorted((str(file.relative_to(root)), file.stat().st_size) for file in root.glob(pattern) if file.is_file())
    return digest(files, 6) if files or place.is_dir() else ABSENT


def file_hash(file: Path) -> str:
    """First 12 hexadecimal digits of the file's sha256; remembered until the file changes.

    Of a file above 1 GiB: sha256 of its size and of 256 samples of 1 MiB, evenly spread, so that naming an encoder
    does not read 16 GB.
    """
    about = file.stat()
    return _file_hash(file, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=32)
def _file_hash(file: Path, size: int, _changed: int) -> str:
    with file.open("rb") as stream:
        if size <= _WHOLE:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:12]
        found = hashlib.sha256(str(size).encode())
        for number in range(_SAMPLES):
            stream.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
            found.update(stream.read(_SAMPLE))
        return found.hexdigest()[:12]
