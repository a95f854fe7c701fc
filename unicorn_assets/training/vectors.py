"""Single rows of a release's vectors, by number or by id, without reading the others.

Rows are read with pread, not through a memory map: pages of a map that were touched count as the process's own, and an
epoch touches all of them. What the system caches is shared by all processes either way. Not here: text (records.py).
"""

import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.safetensors_header import head_of, read_header


class OpenFile:
    """A file that each process opens for itself at its first read; copies of it travel to other processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def read(self, size: int, place: int) -> bytes:
        """Bytes at a place, whatever other threads and processes read; a UserError when the file ends before."""
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        data = os.pread(self._descriptor, size, place)
        if len(data) != size:
            raise UserError(f"{self.path} ends too early", "`unicorn verify FOLDER` says what is damaged")
        return data

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_descriptor": None}

    def __del__(self) -> None:
        descriptor: int | None = self.__dict__.get("_descriptor")
        if descriptor is not None:  # a forked process has one of its own under the same number
            os.close(descriptor)


class Vectors:
    """The vectors of `embeddings.safetensors`: `rows` x `dimension`, float16, each with an id.

    `about` is what the file says of them: asset, version, encoder, transfer.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        try:
            with path.open("rb") as file:
                header = read_header(head_of(file))
            self.rows, self.dimension = header.arrays["vectors"]["shape"]
            self._start, _ = header.place("vectors")
            self._ids_start, _ = header.place("ids")
            self._width = header.arrays["ids"]["shape"][1]
        except FileNotFoundError:
            raise UserError(f"{path} is missing", "give the folder of a whole release") from None
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} holds no vectors with ids: {error}", "give the folder of a release") from None
        self.about: dict[str, str] = header.metadata
        self._file = OpenFile(path)

    def __len__(self) -> int:
        return int(self.rows)

    def row(self, number: int) -> NDArray[np.float16]:
        """(dimension,) of the row with this number; read-only."""
        size = 2 * self.dimension
        return np.frombuffer(self._file.read(size, self._start + number * size), "<f2")

    def id_of(self, number: int) -> str:
        """The id of a row."""
        return self._file.read(self._width, self._ids_start + number * self._width).rstrip(b"\0").decode()

    def row_of(self, row_id: str) -> int:
        """Number of the row with this id; a UserError names an id that no row has."""
        return self.rows_of([row_id])[0]

    def vector(self, row_id: str) -> NDArray[np.float16]:
        """(dimension,) of the row with this id."""
        return self.row(self.row_of(row_id))

    def rows_of(self, row_ids: Iterable[str]) -> list[int]:
        """Numbers of the rows with these ids, in their order; a UserError names the first id that no row has."""
        names = list(row_ids)
        ordered, order = self._index
        wanted = np.array([name.encode() for name in names], dtype=np.bytes_)
        places = np.minimum(np.searchsorted(ordered, wanted), max(0, len(ordered) - 1))
        wrong = np.flatnonzero(ordered[places] != wanted) if len(ordered) else np.arange(len(names))
        if len(wrong):
            raise UserError(
                f"{self._file.path} has no vector for {names[wrong[0]]!r}",
                "the records must be of this release, or of one that was cut from the same captions",
            )
        return [int(row) for row in order[places]]

    @cached_property
    def _index(self) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
        """Ids in order, and the number of the row of each: 50 bytes a row."""
        data = self._file.read(self.rows * self._width, self._ids_start)
        ids = np.frombuffer(data, f"S{self._width}")
        order = np.argsort(ids, kind="stable")
        return ids[order], order
