"""The search for near duplicates over a lake's drafts: what is kept of the last search is used, the rest is made.

Signatures are kept per shard; what the last search found is believed of shards whose drafts and rules are the same.
Here: reading and keeping. Not here: which captions repeat others (curation/near_duplicates.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from unicorn_assets.curation.near_duplicates import Drafts, Repeat, clusters, in_order, rules, search
from unicorn_assets.curation.signatures import Signatures, maker, signatures
from unicorn_assets.lake.shard_files import Made
from unicorn_assets.lake.signatures import find_signatures, keep_signatures
from unicorn_assets.lake.store import Lake, ShardInfo
from unicorn_assets.recipe import Recipe

TABLE = "near_duplicates"
ORDER = "sources, those kept first"
"""Among the table's figures: the order in which it looked at sources."""


def compare(
    lake: Lake, recipe: Recipe, drafts: Mapping[str, ShardInfo], last: ShardInfo | None,
    on_progress: Callable[[int], None] | None = None,
) -> tuple[pl.DataFrame, dict[str, Any]]:  # fmt: skip
    """`near_duplicates` rows of these shards of drafts, and figures about the search.

    `last`: what the table says of itself that is there now, if it may be believed.
    """
    sources = [source.name for source in recipe.sources]
    known = _known(lake, recipe, drafts, last, sources)
    order = in_order(drafts, recipe)
    parts = [_part(lake, recipe, shard, drafts[shard], known.get(shard)) for shard in order]
    found = search(parts, recipe.near_duplicates, on_progress)
    figures = {"shards compared": len(order), "shards known before": len(known)}
    return found, {**figures, **clusters(found), ORDER: ", ".join(sources)}


def _part(lake: Lake, recipe: Recipe, shard: str, info: ShardInfo, known: Mapping[str, Repeat] | None) -> Drafts:
    size = recipe.near_duplicates.shingle_chars
    made = Made(recipe.name, maker(size), {f"caption_drafts/{shard}": info.content})

    def signed() -> tuple[Sequence[str], Signatures]:
        kept = find_signatures(lake, shard, made)
        if kept is not None:
            return kept
        ids, texts = lake.read("caption_drafts", shard, ["caption_id", "text"]).get_columns()
        matrix = signatures(texts.to_list(), size)
        keep_signatures(lake, shard, made, ids.to_list(), matrix)
        return ids.to_list(), matrix

    def texts() -> list[str]:
        return lake.read("caption_drafts", shard, ["text"])["text"].to_list()

    return Drafts(shard, info.rows, signed, texts, known)


def _known(
    lake: Lake, recipe: Recipe, drafts: Mapping[str, ShardInfo], last: ShardInfo | None, sources: Sequence[str]
) -> dict[str, dict[str, Repeat]]:
    """By shard, what the last search found in drafts that are the same now; nothing where its rules were others."""
    if last is None or last.made.code_version.partition("-")[0] != rules(recipe):
        return {}
    before = str(last.extra.get(ORDER, "")).split(", ")
    if [name for name in before if name in sources] != [name for name in sources if name in before]:
        return {}
    saw = last.made.parents
    same = [shard for shard, info in drafts.items() if saw.get(f"caption_drafts/{shard}") == info.content]
    known: dict[str, dict[str, Repeat]] = {shard: {} for shard in same}
    for row in lake.read(TABLE).iter_rows(named=True):
        if row["shard"] in known:
            known[row["shard"]][row["caption_id"]] = (row["duplicate_of"], row["jaccard"])
    return known
