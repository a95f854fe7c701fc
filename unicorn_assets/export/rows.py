"""Reading a release row by row, from a folder or a URL, and the folder that an export is written to."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.lineage.diff import VECTORS, Release
from unicorn_assets.safetensors_header import head_of, read_header

BLOCK = 1 << 24  # bytes read at a time

OnRows = Callable[[int], object]
"""Told how many more rows were written."""


def stem_of(release: Release) -> str:
    """Pretrain or Instruction."""
    return str(next(name for name in release.manifest["files"] if name.endswith(".json"))).removesuffix(".json")


def rows_of(release: Release) -> Iterator[tuple[dict[str, Any], NDArray[np.float16]]]:
    """(record, vector) of each row in order; a UserError when the two are not of one row."""
    fs = release.files.fs

    def path(name: str) -> str:
        return release.files.path(release.path(name))

    with (
        fs.open(path(f"{stem_of(release)}.json"), "rb", block_size=BLOCK) as lines,
        fs.open(path(VECTORS), "rb", block_size=BLOCK) as vectors,
        fs.open(path(VECTORS), "rb", block_size=BLOCK) as names,
    ):
        header = read_header(head_of(vectors))
        rows, dimension = header.arrays["vectors"]["shape"]
        width = header.arrays["ids"]["shape"][1]
        vectors.seek(header.place("vectors")[0])
        names.seek(header.place("ids")[0])
        next(lines)
        for _ in range(rows):
            record = json.loads(next(lines).strip().removesuffix(b","))
            if names.read(width).rstrip(b"\0").decode() != str(record["id"]):
                raise UserError(f"{release.name}: the vectors are not of its records", "`unicorn verify` says more")
            yield record, np.frombuffer(vectors.read(2 * dimension), "<f2")


def new_folder(to: Path) -> Path:
    """An empty folder to write to; a UserError when there is something in it."""
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"{to} is there already", "name a folder that is empty or not there yet")
    to.mkdir(parents=True, exist_ok=True)
    return to
