"""Flipping bits in a lake, one at a time, and asking whether anybody noticed; for the suite and for benchmarks.

A flip is harmless when all that a reader can get (rows, vectors, ids, figures, records) is the same to the bit;
otherwise `verify` must name the file, and reading or releasing it must not hand out what was changed.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unicorn_assets.checkup import RECORD, examine, problem_of
from unicorn_assets.lake.damage import ASIDE
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.journal.store import store_at
from unicorn_assets.llm.journal.upkeep import damaged_files
from unicorn_assets.release import verify_release


@dataclass(frozen=True)
class Flip:
    """Bit `bit` (0 to 7) of byte `offset` of a file, named below the lake's root."""

    name: str
    offset: int
    bit: int


def files_of(root: Path) -> list[str]:
    """All files of a lake that hold data, sorted."""
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(name for name in names if "/." not in f"/{name}" and ASIDE not in name and name != RECORD)


def flips(root: Path, count: int, seed: int) -> Iterator[Flip]:
    """`count` flips over all files in turn; a third each in the first 200 bytes, the last 2,000 and anywhere."""
    draw, names = random.Random(seed), files_of(root)
    for number in range(count):
        name = names[number % len(names)]
        size = (root / name).stat().st_size
        if not size:
            continue
        place = draw.choice([(0, min(200, size)), (max(0, size - 2000), size), (0, size)])
        yield Flip(name, draw.randrange(*place), draw.randrange(8))


def flipped(root: Path, flip: Flip) -> bytes:
    """Flip the bit on disk; returns the file as it was, to be written back."""
    path = root / flip.name
    before = path.read_bytes()
    changed = bytearray(before)
    changed[flip.offset] ^= 1 << flip.bit
    path.write_bytes(bytes(changed))
    return before


def is_noticed(root: Path, flip: Flip) -> bool:
    """Whether a verification names the file, the release that it belongs to, or the note beside it."""
    lake, name = Lake(str(root)), flip.name
    if name.startswith("journal/"):
        return name in {f"journal/{part}" for part, _ in damaged_files(store_at(lake.url, "journal"))}
    if name.startswith("releases/") and name.count("/") == 3:
        return verify_release(lake.files.url(name.rsplit("/", 1)[0])) != []
    if problem_of(lake, name) is not None:
        return True
    # What stands alone at the lake's root, and pointers to releases.
    return name in {finding.name for finding in examine(lake).findings}
