"""Captions under another `drift`: which would be refused or come back. An encoder reads texts, nobody is asked.

Here: judging. Not here: gates on an LLM's answers (rejudge.py), what follows for shards and releases (impact.py).
"""

from collections.abc import Iterator

import polars as pl

from unicorn_assets.captions.drift import REASON, cosines, reading
from unicorn_assets.encoders import open_encoder
from unicorn_assets.lake.query import connect
from unicorn_assets.lake.store import Lake
from unicorn_assets.lineage.rejudge import ACCEPTED, KEPT, REFUSED, Gate, Judged, Rejudged, summed
from unicorn_assets.recipe import Recipe

SAMPLE = 500
"""Captions that are read unless all are wanted; minutes of a CPU."""
_HERE = (
    "SELECT caption_id AS id, shard, true AS kept FROM captions UNION ALL "
    f"SELECT row_id, shard, false FROM quarantine WHERE stage = 'captions' AND reason = '{REASON}'"
)


def rejudge_drift(lake: Lake, recipe: Recipe, gate: Gate, sample: int | None = SAMPLE) -> Rejudged:
    """Judge captions by the recipe with another least cosine: those that are kept, and those that have drifted.
    `sample`: None: all of them.
    """
    changed = reading(gate.applied(recipe))
    assert changed is not None, "the gate is of `drift`"
    with connect(lake, tables=("captions", "quarantine")) as sql:
        total = int((sql.execute(f"SELECT count(*) FROM ({_HERE})").fetchone() or (0,))[0])
        # Ids are hashes, so that those that come first are drawn at random.
        limit = "" if sample is None else f"LIMIT {int(sample)}"
        rows = sql.execute(f"SELECT shard, id, kept FROM ({_HERE}) ORDER BY id {limit}").fetchall()
    by_shard: dict[str, dict[str, bool]] = {}
    for shard, caption_id, kept in rows:
        by_shard.setdefault(shard, {})[caption_id] = kept
    encoder = open_encoder(changed) if rows else None

    def judged() -> Iterator[Judged]:
        for shard, before in by_shard.items():
            assert encoder is not None, "there are rows"
            ids, seeds, texts = _texts(lake, shard, before)
            found = cosines(seeds, texts, gate.value, encoder)
            yield [_verdict(key, before[key], kept) for key, kept in zip(ids, found >= gate.value, strict=True)]

    return summed(recipe, gate, total, judged())


def _texts(lake: Lake, shard: str, wanted: dict[str, bool]) -> tuple[list[str], list[str], list[str]]:
    """Ids, seeds' texts and captions of those of a shard's captions whose seeds are still there."""
    drafts = lake.read("caption_drafts", shard, ["caption_id", "seed_id", "text"])
    seeds = lake.read("seeds", shard, ["seed_id", "text"]).rename({"text": "seed"})
    rows = drafts.filter(pl.col("caption_id").is_in(list(wanted))).join(seeds, on="seed_id", maintain_order="left")
    return rows["caption_id"].to_list(), rows["seed"].to_list(), rows["text"].to_list()


def _verdict(caption_id: str, before: bool, after: bool) -> tuple[str, str, str, str | None]:
    if before == after:
        return caption_id, KEPT, "", caption_id if after else None
    return (caption_id, ACCEPTED, "", caption_id) if after else (caption_id, REFUSED, REASON, None)
