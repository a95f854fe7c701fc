"""The search for near duplicates over a lake's drafts: what is kept of the last search is used, the rest is made.

Signatures are kept per shard, and vectors where the recipe wants repeats of meaning found; what the last search found
is believed of shards whose drafts and rules are the same. Here: reading and keeping. Not here: which captions repeat
others (curation/near_duplicates.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from unicorn_assets.curation import near_duplicates as duplicates
from unicorn_assets.curation.meanings import Vectors
from unicorn_assets.curation.near_duplicates import Drafts, Repeat, clusters, in_order, rules, search
from unicorn_assets.curation.signatures import Signatures, maker, signatures
from unicorn_assets.encoders import Encoder, encoder_version
from unicorn_assets.lake.memories import MEANINGS, SIGNATURES, find_rows, keep_rows
from unicorn_assets.lake.shard_files import Made
from unicorn_assets.lake.store import Lake, ShardInfo
from unicorn_assets.recipe import Recipe

TABLE = "near_duplicates"
ORDER = "sources, those kept first"
"""Among the table's figures: the order in which it looked at sources."""


def version(recipe: Recipe) -> str:
    """Of the table: all that decides which captions repeat others."""
    return duplicates.version(recipe, _encoder(recipe))


def reading(recipe: Recipe) -> Recipe | None:
    """The recipe with the encoder that reads captions for their meaning as its own; None where nothing reads them."""
    limits = recipe.near_duplicates
    return recipe.read_for(limits) if limits.cosine is not None else None


def _encoder(recipe: Recipe) -> str:
    reader = reading(recipe)
    return encoder_version(reader) if reader is not None else ""


def compare(
    lake: Lake, recipe: Recipe, drafts: Mapping[str, ShardInfo], last: ShardInfo | None,
    on_progress: Callable[[int], None] | None = None, encoder: Callable[[], Encoder] | None = None,
    on_read: Callable[[int], None] | None = None,
) -> tuple[pl.DataFrame, dict[str, Any]]:  # fmt: skip
    """`near_duplicates` rows of these shards of drafts, and figures about the search.

    `last`: what the table says of itself that is there now, if it may be believed. `encoder` opens the recipe's; it is
    asked for where the recipe has `near_duplicates.cosine` and vectors are missing. `on_read` hears how many captions
    it has read.
    """
    sources = [source.name for source in recipe.sources]
    known = _known(lake, recipe, drafts, last, sources)
    order = in_order(drafts, recipe)
    cut: list[int] = []
    parts = [_part(lake, recipe, shard, drafts[shard], known.get(shard)) for shard in order]
    if recipe.near_duplicates.cosine is not None:
        assert encoder is not None, "who searches by meaning brings an encoder"
        reader = _encoder(recipe)
        meant = [
            _meant(lake, Made(recipe.name, reader, _of(part.shard, drafts)), part, encoder, on_read, cut)
            for part in parts
        ]
        parts = [replace(part, meant=each) for part, each in zip(parts, meant, strict=True)]
    found = search(parts, recipe.near_duplicates, on_progress)
    figures = {"shards compared": len(order), "shards known before": len(known)}
    if recipe.near_duplicates.cosine is not None:
        figures["longer than the encoder's window"] = sum(cut)
    return found, {**figures, **clusters(found), ORDER: ", ".join(sources)}


def _of(shard: str, drafts: Mapping[str, ShardInfo]) -> dict[str, str]:
    return {f"caption_drafts/{shard}": drafts[shard].content}


def _meant(
    lake: Lake, made: Made, part: Drafts, encoder: Callable[[], Encoder], on_read: Callable[[int], None] | None,
    cut: list[int],
) -> Callable[[], Vectors]:  # fmt: skip
    """How to get a shard's vectors; `cut` gets the number of captions that the encoder does not read to their end."""

    def meant() -> Vectors:
        if not part.rows:
            return np.empty((0, 0), np.float16)
        kept = find_rows(lake, MEANINGS, part.shard, made, np.float16)
        if kept is None:
            ids, texts = lake.read("caption_drafts", part.shard, ["caption_id", "text"]).get_columns()
            vectors, truncated = encoder().embed_texts(texts.to_list(), on_read)
            matrix = vectors.astype(np.float16)
            matrix[truncated] = 0  # captions that begin alike may well go on otherwise
            kept = ids.to_list(), matrix
            keep_rows(lake, MEANINGS, part.shard, made, *kept)
        cut.append(int((~kept[1].any(axis=1)).sum()))
        return kept[1]

    return meant


def _part(lake: Lake, recipe: Recipe, shard: str, info: ShardInfo, known: Mapping[str, Repeat] | None) -> Drafts:
    size = recipe.near_duplicates.shingle_chars
    made = Made(recipe.name, maker(size), {f"caption_drafts/{shard}": info.content})

    def signed() -> tuple[Sequence[str], Signatures]:
        kept = find_rows(lake, SIGNATURES, shard, made, np.uint32)
        if kept is not None:
            return kept
        ids, texts = lake.read("caption_drafts", shard, ["caption_id", "text"]).get_columns()
        matrix = signatures(texts.to_list(), size)
        keep_rows(lake, SIGNATURES, shard, made, ids.to_list(), matrix)
        return ids.to_list(), matrix

    def texts() -> list[str]:
        return lake.read("caption_drafts", shard, ["text"])["text"].to_list()

    return Drafts(shard, info.rows, signed, texts, known)


def _known(
    lake: Lake, recipe: Recipe, drafts: Mapping[str, ShardInfo], last: ShardInfo | None, sources: Sequence[str]
) -> dict[str, dict[str, Repeat]]:
    """By shard, what the last search found in drafts that are the same now; nothing where its rules were others."""
    if last is None or last.made.code_version.partition("-")[0] != rules(recipe, _encoder(recipe)):
        return {}
    before = str(last.extra.get(ORDER, "")).split(", ")
    if [name for name in before if name in sources] != [name for name in sources if name in before]:
        return {}
    saw = last.made.parents
    same = [shard for shard, info in drafts.items() if saw.get(f"caption_drafts/{shard}") == info.content]
    known: dict[str, dict[str, Repeat]] = {shard: {} for shard in same}
    for row in lake.read(TABLE).iter_rows(named=True):
        if row["shard"] in known:
            repeat = Repeat(row["duplicate_of"], row["kind"], row["jaccard"], row["cosine"])
            known[row["shard"]][row["caption_id"]] = repeat
    return known
