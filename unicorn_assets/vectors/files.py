"""Vectors that somebody else made: .safetensors, .npy or Parquet, read in chunks, with ids where there are any.

The lake's own shards are such files too. Here: opening them, whatever their format, and what they say of their origin.
Not here: the formats (formats.py), checking rows (rows.py), writing (output.py).
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.plain_files import open_plain, why
from unicorn_assets.vectors.formats import FORMATS, Contents, Part, name_of_row
from unicorn_assets.vectors.rows import Rows, Space


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of a file; `first` is the number of the first one."""

    first: int
    vectors: Rows
    ids: list[str] | None


@contextmanager
def open_vectors(path: str) -> Iterator[Contents]:
    """The file's contents, while the block lasts; `path` may be a URL.

    UserError for a missing or damaged file, an unknown format, or no matrix in it.
    """
    opener = FORMATS.get(Path(path).suffix.lower())
    if opener is None:
        raise UserError(f"{path}: vectors are read from .safetensors, .npy or .parquet", "convert the file to one")
    with _local(path) as local:
        with _in_words(path):
            contents = opener(local, path)
        yield replace(contents, parts=_Told(path, contents.parts))


@contextmanager
def _in_words(path: str) -> Iterator[None]:
    """Whatever goes wrong in here is a UserError that names the file."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # three libraries, each with many ways to say that a file is damaged
        said = why(error) if isinstance(error, OSError) else str(error)
        reason = " ".join(said.split())[:300] or type(error).__name__
        raise UserError(f"{path}: cannot read vectors: {reason}", "make the file again; it may be cut off") from None


@dataclass(frozen=True)
class _Told:
    """Parts of a file whose damage, which may show only once they are read, is told in words."""

    path: str
    parts: Iterable[Part]

    def __iter__(self) -> Iterator[Part]:
        parts = iter(self.parts)
        while True:
            with _in_words(self.path):
                part = next(parts, None)
            if part is None:
                return
            yield Part(part.first, lambda part=part: self._load(part))  # type: ignore[misc]

    def _load(self, part: Part) -> Rows:
        with _in_words(self.path):
            return part.load()


def read_vectors(path: str, space: tuple[str, str] | None = None) -> Iterator[Chunk]:
    """The file's rows in chunks; `path` may be a URL.

    `space` is the (encoder, revision) that the vectors must come from; a file that names another is refused.
    UserError as open_vectors, and for an id that occurs twice.
    """
    with open_vectors(path) as contents:
        DistinctIds().add(path, contents.ids).check()
        found = contents.space
        if space and found and (found.encoder, found.revision) != space:
            raise UserError(
                f"{path}: the vectors come from {found.encoder} (revision {found.revision}), "
                f"but the recipe's encoder is {space[0]} (revision {space[1]})",
                "encode the images with the recipe's encoder",
            )
        for part in contents.parts:
            rows = part.load()
            yield Chunk(part.first, rows, contents.names(part.first, len(rows)))


def vector_paths(path: str) -> list[str]:
    """The vector files that `path` means: the one itself, or those of the folder in the order of their names."""
    place = Path(path)
    if "://" in path or not place.is_dir():
        return [path]
    try:
        found = sorted(str(file) for file in place.iterdir() if file.suffix.lower() in FORMATS and file.name[0] != ".")
    except OSError as error:
        raise UserError(f"{path}: {why(error)}", "give another folder") from None
    if not found:
        raise UserError(f"{path}: the folder holds no .safetensors, .npy or .parquet file", "give another folder")
    return found


def common_space(contents: Sequence[Contents]) -> Space | None:
    """The encoder's space that these files name; None when none of them says. UserError when two differ."""
    named = [(one.space, one.path) for one in contents if one.space is not None]
    for space, path in named[1:]:
        named[0][0].require(space, f"the vectors of {path}")
    return named[0][0] if named else None


class DistinctIds:
    """Refuses an id that occurs twice in all the files it was shown. Memory: the ids and 8 bytes for each."""

    def __init__(self) -> None:
        self._seen: list[tuple[str, NDArray[np.uint8], NDArray[np.uint64]]] = []

    def add(self, path: str, ids: NDArray[np.uint8] | None) -> "DistinctIds":
        """Take in the (n, width) zero-padded ids of a file, if it has any."""
        if ids is not None:
            self._seen.append((path, ids, _hashes(ids)))
        return self

    def check(self) -> None:
        """UserError that names the first id that occurs twice."""
        ordered = np.sort(np.concatenate([np.empty(0, np.uint64), *(hashes for _, _, hashes in self._seen)]))
        if (ordered[1:] == ordered[:-1]).any():
            self._name_it()

    def _name_it(self) -> None:
        """UserError for the first id that is there twice; nothing when only hashes were equal."""
        seen: dict[str, tuple[str, int]] = {}
        for path, ids, _ in self._seen:
            for row in range(len(ids)):
                name = name_of_row(ids, row)
                if name in seen:
                    other, before = seen[name]
                    where = f"rows {before} and {row}" if other == path else f"row {before} of {other} and row {row}"
                    raise UserError(f"{path}: id {name!r} occurs twice, in {where}", "keep one vector per id")
                seen[name] = path, row


def _hashes(ids: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A 64-bit number per id, whatever width it is padded to: zeros add nothing (multilinear hashing)."""
    factors = np.random.default_rng(7).integers(2**64, size=(ids.shape[1], 1), dtype=np.uint64)
    found = np.zeros(len(ids), np.uint64)
    for column in range(ids.shape[1]):
        found += ids[:, column].astype(np.uint64) * factors[column]
    return found


@contextmanager
def _local(path: str) -> Iterator[Path]:
    """The file itself, or its copy while the block lasts."""
    if "://" not in path:
        _readable(Path(path), path)
        yield Path(path)
        return
    import fsspec  # takes a third of a second, which local files need not pay

    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "copy"
        try:
            fs, remote = fsspec.core.url_to_fs(path)
            if "file" in (fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,)):
                _readable(Path(remote), path)
            fs.get_file(remote, str(local))
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such file", "check the path") from None
        except OSError as error:
            raise UserError(f"{path}: {why(error)}", "check the path") from None
        yield local


def _readable(file: Path, path: str) -> None:
    """UserError for what is not a file, such as a pipe, which would be waited for."""
    try:
        open_plain(file).close()
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file", "check the path") from None
    except OSError as error:
        raise UserError(f"{path}: {why(error)}", "give a file of vectors") from None
