"""Which captions repeat an earlier one: MinHash candidates, each verified by its true Jaccard similarity.

A caption is a set of character shingles of its normalised text. Locality-sensitive hashing (rensa) names candidates
among the captions kept so far; a candidate counts only when |A n B| / |A u B| of the shingle sets themselves reaches
the threshold, because most candidates do not. Captions come in the order of shards and rows, the earlier one is kept,
and only kept captions are compared with, so every `duplicate_of` names a caption that stays. Memory grows by about one
signature per kept caption; texts wait in a temporary file until a candidate needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from unicorn_assets.curation.spool import Spool
from unicorn_assets.curation.words import words
from unicorn_assets.ids import digest
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.logic import logic_of
from unicorn_assets.recipe import NearDuplicates, Recipe

Signature = npt.NDArray[np.uint32]

PERMUTATIONS = 128
SEED = 20250328
_BATCH = 512  # captions whose shingles are in memory at once
_SLACK = 3.0
"""Standard errors by which a signature's estimate may fall short of the threshold before a candidate is passed over
unread; the error of a MinHash estimate of J from n permutations is sqrt(J (1 - J) / n) (Broder 1997)."""


def version(recipe: Recipe) -> str:
    """Short hash of all that decides which captions repeat others."""
    return digest([logic_of(__name__), recipe.section_hash("near_duplicates")], 6)


def near_duplicates(
    drafts: Iterable[tuple[str, pl.DataFrame]], recipe: Recipe, on_progress: Callable[[int], None] | None = None
) -> pl.DataFrame:
    """`near_duplicates` rows: one for each caption that repeats an earlier one, in the order of the drafts.

    `drafts` yields (shard, frame with caption_id and text) in shard order and is read once. `on_progress` gets the
    number of captions done since the last call, once per shard.
    """
    settings = recipe.near_duplicates
    found: list[dict[str, Any]] = []
    with _Index(settings) as index:
        for shard, frame in drafts:
            ids, texts = frame["caption_id"].to_list(), frame["text"].to_list()
            for caption_id, repeat in zip(ids, index.add(ids, texts), strict=True):
                if repeat is not None:
                    earlier, similarity = repeat
                    row = {"caption_id": caption_id, "duplicate_of": earlier, "jaccard": similarity, "shard": shard}
                    found.append(row)
            if on_progress is not None:
                on_progress(len(ids))
    return pl.DataFrame(found, schema=polars_schema("near_duplicates"), orient="row")


def shingles(text: str, size: int) -> set[str]:
    """All runs of `size` characters of the text's words in lower case, joined by single spaces."""
    plain = " ".join(words(text))
    return {plain[start : start + size] for start in range(max(1, len(plain) - size + 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    """|A n B| / |A u B|; 1.0 for two empty sets."""
    common = len(one & other)
    union = len(one) + len(other) - common
    return common / union if union else 1.0


def bands_for(threshold: float) -> int:
    """The fewest bands of the signature by which a pair at the threshold is a candidate in 98 of 100 cases.

    A pair of similarity J meets in one of b bands of r rows with probability 1 - (1 - J^r)^b (Leskovec et al., Mining
    of Massive Datasets, 3.4); b r = PERMUTATIONS.
    """
    choices = [bands for bands in (4, 8, 16, 32, 64) if _meet(threshold, bands) >= 0.98]
    return choices[0] if choices else 128


def _meet(similarity: float, bands: int) -> float:
    return float(1 - (1 - similarity ** (PERMUTATIONS // bands)) ** bands)


class _Index:
    """The kept captions: signatures in memory, texts on disk."""

    def __init__(self, settings: NearDuplicates) -> None:
        from rensa import RMinHashLSH

        self._settings = settings
        self._lsh = RMinHashLSH(settings.threshold, PERMUTATIONS, bands_for(settings.threshold))
        spread = (settings.threshold * (1 - settings.threshold) / PERMUTATIONS) ** 0.5
        self._hopeless = settings.threshold - _SLACK * spread
        self._signatures = np.empty((1024, PERMUTATIONS), np.uint32)
        self._ids: list[str] = []
        self._texts = Spool()

    def __enter__(self) -> _Index:
        return self

    def __exit__(self, *_: object) -> None:
        self._texts.close()

    def add(self, ids: list[str], texts: list[str]) -> Iterator[tuple[str, float] | None]:
        """For each caption the kept one that it repeats most, with the similarity, or None (then it is kept)."""
        from rensa import RMinHash

        for start in range(0, len(ids), _BATCH):
            batch = texts[start : start + _BATCH]
            sets = [shingles(text, self._settings.shingle_chars) for text in batch]
            sketches = RMinHash.from_token_sets(sets, PERMUTATIONS, SEED)
            for caption_id, text, own, sketch in zip(ids[start:], batch, sets, sketches, strict=False):
                signature = np.asarray(sketch.digest(), np.uint32)
                repeat = self._repeat_of(own, signature, self._lsh.query(sketch))
                if repeat is None:
                    self._lsh.insert(self._keep(caption_id, text, signature), sketch)
                yield repeat

    def _repeat_of(self, own: set[str], signature: Signature, candidates: list[int]) -> tuple[str, float] | None:
        if not candidates:
            return None
        numbers = np.unique(np.asarray(candidates, np.int64))
        estimates = (self._signatures[numbers] == signature).mean(axis=1)
        best: tuple[str, float] | None = None
        for number in numbers[estimates >= self._hopeless].tolist():  # in the order of keeping: ties go to the earliest
            similarity = jaccard(own, shingles(self._texts.read(number), self._settings.shingle_chars))
            if similarity >= self._settings.threshold and (best is None or similarity > best[1]):
                best = (self._ids[number], similarity)
        return best

    def _keep(self, caption_id: str, text: str, signature: Signature) -> int:
        number = self._texts.append(text)
        if number == len(self._signatures):
            self._signatures = np.concatenate([self._signatures, np.empty_like(self._signatures)])
        self._signatures[number] = signature
        self._ids.append(caption_id)
        return number
