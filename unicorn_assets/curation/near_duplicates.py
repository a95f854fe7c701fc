"""Which captions repeat an earlier one: MinHash candidates, each verified by its true Jaccard similarity; then, where
the recipe wants it, the cosine of text vectors.

A caption is a set of character shingles of its normalised text. Locality-sensitive hashing (bands.py) names candidates;
one counts only when |A n B| / |A u B| of the shingle sets themselves reaches the threshold, because most do not. A
caption that repeats nothing so is compared by what it means (meanings.py).
Captions count in the order of the recipe's sources, shards and rows, whichever shard was made first: the earliest is
kept, and only kept captions are compared with, so every `duplicate_of` names a caption that stays. What was found
before is believed where nothing that bears on it has changed, so that a new shard costs a comparison of its own rows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from unicorn_assets.curation.bands import Index, Rows, Sketches
from unicorn_assets.curation.meanings import Meanings, Vectors
from unicorn_assets.curation.shelf import Shelf
from unicorn_assets.curation.signatures import PERMUTATIONS, Numbers, Signatures, plain, signatures, similarity
from unicorn_assets.ids import digest
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.logic import logic_of
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_representation import NearDuplicates

EXACT, JACCARD, COSINE = "exact", "jaccard", "cosine"
"""Kinds of repeats: of the same words, of similar ones, of the same meaning."""


class Repeat(NamedTuple):
    """The caption that another one repeats, in which way, their Jaccard similarity, and of kind COSINE their cosine."""

    of: str
    kind: str
    jaccard: float
    cosine: float | None = None


_BATCH = 512  # captions that are decided together
_THREADS = 2  # that fetch or make signatures; hashing lets go of the interpreter for half of its time


@dataclass(frozen=True)
class Drafts:
    """The captions of a shard: how many, how to get their ids and signatures, and their texts should one be needed.

    `known`: what an earlier search found of these very captions, by caption_id; None for captions it did not see.
    `meant`: how to get their vectors, for a search by meaning.
    """

    shard: str
    rows: int
    signed: Callable[[], tuple[Sequence[str], Signatures]]
    texts: Callable[[], Sequence[str]]
    known: Mapping[str, Repeat] | None = None
    meant: Callable[[], Vectors] | None = None


def version(recipe: Recipe, encoder: str = "") -> str:
    """Short hash of all that decides which captions repeat others: rules, settings, the order of sources, and the
    version of the encoder that reads what they mean.
    """
    return f"{rules(recipe, encoder)}-{digest([source.name for source in recipe.sources], 3)}"


def rules(recipe: Recipe, encoder: str = "") -> str:
    """The part of the version that says whether what was found before is still true."""
    limits = recipe.near_duplicates
    return digest([logic_of(__name__), limits.threshold, limits.shingle_chars, limits.cosine, encoder], 6)


def in_order(shards: Iterable[str], recipe: Recipe) -> list[str]:
    """Shards in the order in which their captions count: by the recipe's sources, those of no source last."""
    order = {source.name: place for place, source in enumerate(recipe.sources)}

    def place(shard: str) -> tuple[int, str]:
        return order.get(shard.rpartition("-")[0], len(order)), shard

    return sorted(shards, key=place)


def near_duplicates(
    drafts: Iterable[tuple[str, pl.DataFrame]], recipe: Recipe, on_progress: Callable[[int], None] | None = None
) -> pl.DataFrame:
    """`near_duplicates` rows of (shard, frame with caption_id and text), searched from scratch."""
    parts = {shard: _drafts(shard, frame, recipe.near_duplicates.shingle_chars) for shard, frame in drafts}
    return search([parts[shard] for shard in in_order(parts, recipe)], recipe.near_duplicates, on_progress)


def _drafts(shard: str, frame: pl.DataFrame, size: int) -> Drafts:
    ids, texts = frame["caption_id"].to_list(), frame["text"].to_list()
    return Drafts(shard, len(ids), lambda: (ids, signatures(texts, size)), lambda: texts)


def search(
    drafts: Sequence[Drafts], settings: NearDuplicates, on_progress: Callable[[int], None] | None = None
) -> pl.DataFrame:
    """`near_duplicates` rows: one for each caption that repeats an earlier one, in the order of `drafts`.

    `on_progress` gets the number of captions done since the last call, once per shard.
    """
    found: list[tuple[Any, ...]] = []
    with closing(_Search(drafts, settings)) as running:
        for part, start, ids in zip(drafts, running.starts, running.ids, strict=True):
            running.decide(part, start, ids)
            repeats = running.taken_up()
            found += [(ids[row - start], *repeats[row], part.shard) for row in sorted(repeats)]
            if on_progress is not None:
                on_progress(part.rows)
    return pl.DataFrame(found, schema=polars_schema("near_duplicates"), orient="row")


def clusters(found: pl.DataFrame) -> dict[str, int]:
    """How many captions have repeats, and of the one that has most, how many; repeats by kind."""
    sizes = found["duplicate_of"].value_counts(sort=True)["count"].to_list()
    kinds = dict(found["kind"].value_counts().iter_rows())
    return {
        "captions with repeats": len(sizes), "most repeats of one": sizes[0] if sizes else 0,
        **{f"repeats by {kind}": kinds[kind] for kind in (EXACT, JACCARD, COSINE) if kind in kinds},
    }  # fmt: skip


class _Search:
    """What is decided so far. Rows are numbered in the order in which they count."""

    def __init__(self, drafts: Sequence[Drafts], settings: NearDuplicates) -> None:
        *self.starts, total = accumulate((part.rows for part in drafts), initial=0)
        matrix = np.empty((total, PERMUTATIONS), np.uint32)

        def load(part: Drafts, start: int) -> Sequence[str]:
            ids, matrix[start : start + part.rows] = part.signed()
            return ids

        with ThreadPoolExecutor(_THREADS) as pool:
            self.ids = list(pool.map(load, drafts, self.starts))
        self.repeats: dict[int, Repeat] = {}
        self._settings = settings
        self._sketches = Sketches(matrix, settings.threshold)
        self._shelf = Shelf([part.texts for part in drafts], self.starts)
        self._meanings = _meanings(drafts, total, settings)
        self._index, self._fresh = Index(), Index()
        self._new = [np.empty(0, np.int64)]
        """Rows that are kept and were not, as `_fresh`."""
        self._kept = np.zeros(total, bool)
        self._stay = set[str]()
        """Ids of the captions that are kept, as far as is decided or known."""
        self._moved = False
        """Whether something before this row is not as it was when the known rows were found."""
        for part, start, ids in zip(drafts, self.starts, self.ids, strict=True):
            if part.known is not None:
                self._kept[start : start + part.rows] = [name not in part.known for name in ids]
                self._stay.update(name for name in ids if name not in part.known)
        self._index.add(self._sketches.entries(np.flatnonzero(self._kept)))

    def taken_up(self) -> dict[int, Repeat]:
        """What was found since the last call."""
        found, self.repeats = self.repeats, {}
        return found

    def close(self) -> None:
        self._shelf.close()
        if self._meanings is not None:
            self._meanings.close()

    def decide(self, part: Drafts, start: int, ids: Sequence[str]) -> None:
        """Find what the captions of a shard repeat, batch by batch."""
        for first in range(0, part.rows, _BATCH):
            some = ids[first : first + _BATCH]
            rows = np.arange(start + first, start + first + len(some))
            if part.known is None or not self._still_true(part.known, rows, some):
                self._decide(rows, some)

    def _still_true(self, known: Mapping[str, Repeat], rows: Rows, ids: Sequence[str]) -> bool:
        """Take over what is known of these rows, unless something bears on it that was not so at that time."""
        old = {row: known[name] for row, name in zip(rows.tolist(), ids, strict=True) if name in known}
        if any(repeat.of not in self._stay for repeat in old.values()):
            return False
        if self._moved:
            row, fresh = self._sketches.between(self._sketches.entries(rows), self._fresh)
            if (fresh < row).any():
                return False
            if self._meanings is not None and self._meanings.any_earlier(rows, np.concatenate(self._new)):
                return False
        self.repeats.update(old)
        return True

    def _decide(self, rows: Rows, ids: Sequence[str]) -> None:
        was, self._kept[rows] = self._kept[rows], False
        wanted = self._candidates(self._sketches.entries(rows))
        alike = self._alike(rows)
        for row in rows.tolist():
            repeat = self._repeat_of(row, [number for number in wanted.get(row, ()) if self._kept[number]])
            if repeat is None:
                repeat = self._same_in(row, [each for each in alike.get(row, ()) if self._kept[each[0]]])
            if repeat is None:
                self._kept[row] = True
            else:
                self.repeats[row] = repeat
        now = self._kept[rows]
        new = self._sketches.entries(rows[now & ~was])
        self._index.add(new)
        self._fresh.add(new)
        self._new.append(rows[now & ~was])
        self._moved |= bool((now != was).any())
        for name, stays in zip(ids, now.tolist(), strict=True):
            (self._stay.add if stays else self._stay.discard)(name)

    def _candidates(self, entries: Numbers) -> dict[int, list[int]]:
        """For rows the earlier ones that they may repeat, the earliest first: ties go to it."""
        found = (self._sketches.among(entries), self._sketches.between(entries, self._index))
        later, earlier = (np.concatenate(sides) for sides in zip(*found, strict=True))
        before = earlier < later
        pairs = np.unique(later[before] << 32 | earlier[before])
        later, earlier = pairs >> 32, pairs & 0xFFFFFFFF
        edges = np.flatnonzero(np.diff(later, prepend=-1, append=-1)).tolist()
        return {int(later[start]): earlier[start:end].tolist() for start, end in pairwise(edges)}

    def _repeat_of(self, row: int, candidates: list[int]) -> Repeat | None:
        size, best = self._settings.shingle_chars, (0.0, -1)
        own = self._shelf.text(row) if candidates else ""
        for number in candidates:
            alike = similarity(own, self._shelf.text(number), size)
            if alike >= self._settings.threshold and alike > best[0]:
                best = (alike, number)
        if best[1] < 0:
            return None
        same = best[0] == 1.0 and plain(own) == plain(self._shelf.text(best[1]))
        return Repeat(self._id(best[1]), EXACT if same else JACCARD, best[0])

    def _alike(self, rows: Rows) -> dict[int, list[tuple[int, float]]]:
        if self._meanings is None:
            return {}
        may = self._kept.copy()
        may[rows] = True  # some of them will be kept
        return self._meanings.alike(rows, may)

    def _same_in(self, row: int, alike: list[tuple[int, float]]) -> Repeat | None:
        """The nearest of these by meaning; on a tie the earliest."""
        if not alike:
            return None
        number, cosine = max(alike, key=lambda each: (each[1], -each[0]))
        texts = self._shelf.text(row), self._shelf.text(number)
        return Repeat(self._id(number), COSINE, similarity(*texts, self._settings.shingle_chars), cosine)

    def _id(self, number: int) -> str:
        part = bisect_right(self.starts, number) - 1
        return self.ids[part][number - self.starts[part]]


def _meanings(drafts: Sequence[Drafts], total: int, settings: NearDuplicates) -> Meanings | None:
    parts = [part.meant for part in drafts if part.meant is not None]
    if settings.cosine is None or not parts:
        return None
    if len(parts) < len(drafts):
        raise ValueError("some shards have no vectors")
    return Meanings(parts, total, settings.cosine)
