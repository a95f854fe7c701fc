"""Single records of a release's JSON array, by number, without reading the others."""

import json
import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.training.vectors import OpenFile

_BETWEEN = 2  # bytes behind a record: a comma and a line break, or a line break and the bracket


class Records:
    """The records of `Pretrain.json` or `Instruction.json`: id, caption, conversations.

    `offsets` is the file that says where each starts; without one, as in releases of before there was any, the array is
    read through once.
    """

    def __init__(self, path: Path, offsets: Path | None) -> None:
        self._file = OpenFile(path)
        try:
            self._starts = _scanned(path) if offsets is None else np.load(offsets, allow_pickle=False)
        except FileNotFoundError as error:
            raise UserError(f"{error.filename} is missing", "give the folder of a whole release") from None
        if offsets is not None and int(self._starts[-1]) > path.stat().st_size:
            raise UserError(f"{path} is shorter than {offsets.name} says", "`unicorn verify FOLDER` looks at all files")

    def __len__(self) -> int:
        return len(self._starts) - 1

    def record(self, number: int) -> dict[str, Any]:
        """The record with this number; a UserError when there is none where it should be."""
        start, end = int(self._starts[number]), int(self._starts[number + 1]) - _BETWEEN
        try:
            found: dict[str, Any] = json.loads(self._file.read(end - start, start).decode())  # faster than from bytes
        except ValueError:
            raise UserError(
                f"{self._file.path} has no record where number {number} should be", "was it edited? take a whole copy"
            ) from None
        return found


def _scanned(path: Path) -> NDArray[np.uint64]:
    """Where each line between the brackets starts, and the last bracket."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        places, place = [], data.find(b"\n")
        while place >= 0:
            places.append(place + 1)
            place = data.find(b"\n", place + 1)
    if len(places) < 2:
        return np.zeros(1, dtype=np.uint64)
    # The lines are: [, the records, ]. Behind the last record there is one byte less than between two.
    return np.array([*places[:-2], places[-2] + 1], dtype=np.uint64)
