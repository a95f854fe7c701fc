"""Which signatures may be similar: candidates by locality-sensitive hashing, passed on only when they look it.

A signature is cut into bands; two that agree in one whole band are a candidate pair. Of most such pairs an exact bound
says at once that they are not similar: two bits of each number suffice for that. Here: numbers of rows. Not here: texts
and their true similarity (near_duplicates.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from unicorn_assets.curation.signatures import PERMUTATIONS, Numbers, Signatures

Rows = npt.NDArray[np.int64]

_ROW_BITS = 24
MOST_ROWS = 1 << _ROW_BITS
_ROW = np.uint64(MOST_ROWS - 1)
_BAND_BITS = 7  # up to 128 bands; the rest of an entry is a hash of the band's numbers
_ROWS = 4096  # whose signatures are copied at once
_PAIRS = 1 << 20  # candidates that are looked at together
_GROWS = 4  # a run of entries is merged with the next when it is not so many times as long
_SLACK = 3.0
"""Standard errors by which a signature's estimate may fall short of the threshold before a candidate is passed over
unread; the error of a MinHash estimate of J from n permutations is sqrt(J (1 - J) / n) (Broder 1997)."""


def bands_for(threshold: float) -> int:
    """The fewest bands of the signature by which a pair at the threshold is a candidate in 98 of 100 cases.

    A pair of similarity J meets in one of b bands of r rows with probability 1 - (1 - J^r)^b (Leskovec et al., Mining
    of Massive Datasets, 3.4); b r = PERMUTATIONS.
    """
    choices = [bands for bands in (4, 8, 16, 32, 64) if _meet(threshold, bands) >= 0.98]
    return choices[0] if choices else 128


def _meet(similarity: float, bands: int) -> float:
    return float(1 - (1 - similarity ** (PERMUTATIONS // bands)) ** bands)


class Sketches:
    """The signatures of all rows, and which pairs of them are worth a look at their texts. 544 bytes a row."""

    def __init__(self, signatures: Signatures, threshold: float) -> None:
        if len(signatures) > MOST_ROWS:
            raise ValueError(f"{len(signatures):,} rows; near duplicates are found among at most {MOST_ROWS:,}")
        self.bands = bands_for(threshold)
        spread = (threshold * (1 - threshold) / PERMUTATIONS) ** 0.5
        self._needed = int(np.ceil((threshold - _SLACK * spread) * PERMUTATIONS))
        self._signatures = signatures
        self._thumbs = _thumbs(signatures)

    def entries(self, rows: Rows) -> Numbers:
        """Sorted entries of the rows' bands: band, hash of its numbers, row."""
        found = np.empty((len(rows), self.bands), np.uint64)
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            numbers = self._signatures[part].reshape(len(part), self.bands, PERMUTATIONS // self.bands)
            hashes = np.zeros(numbers.shape[:2], np.uint64)
            for place in range(numbers.shape[2]):
                hashes += numbers[:, :, place]
                hashes *= np.uint64(0x9E3779B97F4A7C15)
                hashes ^= hashes >> np.uint64(32)
            hashes >>= np.uint64(_BAND_BITS)
            hashes &= ~_ROW
            hashes |= np.arange(self.bands, dtype=np.uint64) << np.uint64(64 - _BAND_BITS)
            np.bitwise_or(hashes, part.astype(np.uint64)[:, None], out=found[start : start + len(part)])
        flat = found.ravel()
        flat.sort()
        return flat

    def likely(self, one: Rows, other: Rows) -> tuple[Rows, Rows]:
        """Of these pairs those that may reach the threshold, each once, in the order of both numbers."""
        differ = self._thumbs[one] ^ self._thumbs[other]
        differ |= differ >> np.uint64(1)
        differ &= np.uint64(0x5555555555555555)
        count = np.bitwise_count(differ)
        alike = count[:, 0].astype(np.int16) + count[:, 1] + count[:, 2] + count[:, 3] <= PERMUTATIONS - self._needed
        pairs = np.unique(one[alike] << _ROW_BITS | other[alike])
        one, other = pairs >> _ROW_BITS, pairs & (MOST_ROWS - 1)
        same = np.concatenate(
            [
                (self._signatures[one[at : at + _ROWS]] == self._signatures[other[at : at + _ROWS]]).sum(axis=1)
                for at in range(0, max(1, len(one)), _ROWS)
            ]
        )
        return one[same >= self._needed], other[same >= self._needed]

    def among(self, entries: Numbers) -> tuple[Rows, Rows]:
        """Likely pairs among the rows of these entries: (later row, earlier row)."""
        keys = entries >> np.uint64(_ROW_BITS)
        ends = np.searchsorted(keys, keys, "right")
        return self._likely(_pairs(entries, np.arange(1, len(entries) + 1), ends, entries), later_first=True)

    def between(self, entries: Numbers, index: Index) -> tuple[Rows, Rows]:
        """Likely pairs (row of the entries, row of the index)."""
        found = [self._likely(pairs) for pairs in index.meetings(entries)]
        pairs = np.unique(np.concatenate([one << _ROW_BITS | other for one, other in found] or [np.empty(0, np.int64)]))
        return pairs >> _ROW_BITS, pairs & (MOST_ROWS - 1)

    def _likely(self, pairs: Iterator[tuple[Rows, Rows]], later_first: bool = False) -> tuple[Rows, Rows]:
        found = [self.likely(other, one) if later_first else self.likely(one, other) for one, other in pairs]
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return np.concatenate([one for one, _ in found]), np.concatenate([other for _, other in found])


class Index:
    """Entries of rows, to be met by those of other rows: sorted runs, merged as they grow. 8 bytes an entry."""

    def __init__(self) -> None:
        self._runs: list[Numbers] = []

    def add(self, entries: Numbers) -> None:
        """Take in sorted entries."""
        if not len(entries):
            return
        self._runs.append(entries)
        while len(self._runs) > 1 and len(self._runs[-2]) < _GROWS * len(self._runs[-1]):
            last = self._runs.pop()
            self._runs[-1] = np.concatenate([self._runs[-1], last])
            self._runs[-1].sort()

    def meetings(self, entries: Numbers) -> Iterator[Iterator[tuple[Rows, Rows]]]:
        """Pairs (row of `entries`, row of the index) that agree in a band; a pair may come several times."""
        keys = entries & ~_ROW
        for run in self._runs:
            starts = np.searchsorted(run, keys)
            met = (run[np.minimum(starts, len(run) - 1)] ^ keys) < np.uint64(MOST_ROWS)
            met &= starts < len(run)
            ends = np.searchsorted(run, keys[met] | _ROW, "right")
            yield _pairs(entries[met], starts[met], ends, run)


def _pairs(entries: Numbers, starts: Rows, ends: Rows, run: Numbers) -> Iterator[tuple[Rows, Rows]]:
    """Rows of entries with those of run[start:end] of each, a bounded number at a time."""
    counts = ends - starts
    done = np.cumsum(counts)
    first = 0
    while first < len(counts):
        before = done[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(done, before + _PAIRS, "right")))
        part = counts[first:last]
        places = np.arange(part.sum()) + np.repeat(starts[first:last] - (done[first:last] - part - before), part)
        rows = np.repeat(entries[first:last], part) & _ROW
        yield rows.astype(np.int64), (run[places] & _ROW).astype(np.int64)
        first = last


def _thumbs(signatures: Signatures) -> Numbers:
    """(n, 4) the lowest two bits of each number, four in a byte; equal numbers have equal bits."""
    found = np.empty((len(signatures), PERMUTATIONS // 4), np.uint8)
    for start in range(0, len(signatures), _ROWS):
        bits = signatures[start : start + _ROWS].astype(np.uint8) & np.uint8(3)
        fours = bits.reshape(len(bits), -1, 4)
        found[start : start + _ROWS] = fours[:, :, 0] | fours[:, :, 1] << 2 | fours[:, :, 2] << 4 | fours[:, :, 3] << 6
    return found.view(np.uint64)
