"""Samples of two files of vectors for a report: unpaired rows of both sides, and pairs where the files hold some.

Streaming, like everything that reads files. Not here: what is measured on the samples (gap/).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.transfer import Transfer
from unicorn_assets.transfer.files import OnRows, open_side, transfer_space
from unicorn_assets.vectors.formats import Contents
from unicorn_assets.vectors.rows import Rows, unit_rows

UNPAIRED = 4000
PAIRED = 2000

Rows64 = NDArray[np.intp]


def sample_sides(
    transfer: Transfer, text: str, images: str, pairs: bool, on_rows: OnRows | None = None, seed: int = 0
) -> tuple[Rows, Rows, tuple[Rows, Rows] | None]:
    """(texts, images, pairs): up to 4,000 rows of each side, and up to 2,000 pairs that are not among them.

    Pairs have equal ids where both sides have ids, else equal row numbers. UserError where there are none.
    """
    with open_side(text) as texts, open_side(images) as pictures:
        for contents in (*texts, *pictures):
            transfer_space(transfer, contents)
        random = np.random.default_rng(seed)
        sizes = _rows(texts), _rows(pictures)
        if not pairs:
            chosen = [_some(random, np.arange(size), UNPAIRED) for size in sizes]
            return _read(texts, chosen[0], on_rows), _read(pictures, chosen[1], on_rows), None
        matched = _matched(texts, pictures, text, images)
        order = random.permutation(len(matched))
        # At most half of the matched rows are judged as pairs, so that unpaired rows are left.
        taken, left = np.split(matched[order], [min(PAIRED, len(matched) // 2)])
        found = [
            (_read(side, rows, on_rows), _read(side, _some(random, rest, UNPAIRED), on_rows))
            for side, rows, rest in ((texts, taken[:, 0], left[:, 0]), (pictures, taken[:, 1], left[:, 1]))
        ]
        return found[0][1], found[1][1], (found[0][0], found[1][0])


def _matched(texts: Sequence[Contents], pictures: Sequence[Contents], text: str, images: str) -> Rows64:
    """(pairs, 2) row numbers of texts and images that belong together."""
    names = _names(texts), _names(pictures)
    if names[0] is None or names[1] is None:
        if _rows(texts) != _rows(pictures):
            raise UserError(
                f"{text} has {_rows(texts):,} rows and {images} {_rows(pictures):,}: rows cannot be paired by number",
                "store ids in both, or leave out --pairs",
            )
        return np.repeat(np.arange(_rows(texts))[:, None], 2, axis=1)
    image_row = {name: row for row, name in enumerate(names[1])}
    found = [(row, image_row[name]) for row, name in enumerate(names[0]) if name in image_row]
    if not found:
        raise UserError(f"no id of {text} is an id of {images}", "leave out --pairs, or give files with equal ids")
    return np.array(found, np.intp)


def _names(side: Sequence[Contents]) -> list[str] | None:
    names: list[str] = []
    for one in side:
        found = one.names(0, one.rows)
        if found is None:
            return None
        names += found
    return names


def _rows(side: Sequence[Contents]) -> int:
    return sum(one.rows for one in side)


def _some(random: np.random.Generator, rows: Rows64, most: int) -> Rows64:
    return rows if len(rows) <= most else random.choice(rows, most, replace=False)


def _read(side: Sequence[Contents], wanted: Rows64, on_rows: OnRows | None) -> Rows:
    """The wanted rows, in the order in which they are wanted."""
    found = np.empty((len(wanted), side[0].dimension), np.float32)
    before = 0
    for one in side:
        for part in one.parts:
            rows = part.load()
            at = np.flatnonzero((wanted >= before + part.first) & (wanted < before + part.first + len(rows)))
            chosen = rows[wanted[at] - before - part.first]
            lengths = np.linalg.norm(chosen.astype(np.float64), axis=1)
            if not (np.isfinite(lengths) & (lengths > 0)).all():
                unit_rows(rows, where=one.path, first=part.first)  # names the row
            found[at] = chosen / lengths[:, None]
            if on_rows:
                on_rows(len(at))
        before += one.rows
    return found
