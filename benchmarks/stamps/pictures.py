"""Pictures of real things with a caption each: Debian's tuxpaint-stamps-default (GPL-2), read where it is installed.

`apt-get install tuxpaint-stamps-default`, or unpack the package and give its folder usr/share/tuxpaint/stamps. Nothing
of it is shipped. Left out: symbols, what is called a cartoon, mirrored and flipped pictures. About three quarters of
the rest are photographs of one thing, cut out. Two halves by a hash of the file's name: one to develop with, one held.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

STAMPS = Path("/usr/share/tuxpaint/stamps")
LEFT_OUT = ("cartoon", "mirror", "flip")
INSTALL = "apt-get install tuxpaint-stamps-default, or --stamps FOLDER"

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Stamps:
    """Picture i is the file files[i], its caption captions[caption_of[i]]; group is its first folder."""

    files: list[Path]
    captions: list[str]  # different ones, sorted
    caption_of: Rows
    group: list[str]
    held: NDArray[np.bool_]

    @classmethod
    def read(cls, folder: Path = STAMPS) -> "Stamps":
        """All stamps of the folder that are kept; SystemExit where there are none."""
        found = []
        for file in sorted(folder.rglob("*.png")):
            name, text = file.relative_to(folder).as_posix(), file.with_suffix(".txt")
            if text.is_file() and not name.startswith("symbols/") and not any(word in name for word in LEFT_OUT):
                first = text.read_text(encoding="utf-8", errors="replace").splitlines()[0]  # the English line
                found.append((file, first.strip(), name.split("/")[0]))
        if not found:
            raise SystemExit(f"no stamps in {folder}: {INSTALL}")
        captions = sorted({caption for _, caption, _ in found})
        number = {caption: i for i, caption in enumerate(captions)}
        return cls(
            [file for file, _, _ in found],
            captions,
            np.array([number[caption] for _, caption, _ in found]),
            [group for _, _, group in found],
            np.array([is_held(file.name) for file, _, _ in found]),
        )


def is_held(name: str) -> bool:
    """Whether the file of this name belongs to the held half."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2 == 1


def recalls(pictures: Rows, scores: NDArray[np.float64], caption_of: Rows, gallery: Rows) -> dict[str, float]:
    """Share of `pictures` whose own caption is among the best 1, 5, 10 of `gallery`, in per cent.

    scores (pictures, captions) of all; ties count against the picture.
    """
    place = {int(caption): column for column, caption in enumerate(gallery)}
    own = np.array([place[int(caption_of[picture])] for picture in pictures])
    among = scores[np.ix_(pictures, gallery)]
    rank = (among >= among[np.arange(len(own)), own][:, None]).sum(axis=1)
    return {f"recall_{k}": round(100 * float(np.mean(rank <= k)), 1) for k in (1, 5, 10)}
