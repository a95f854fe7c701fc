"""How many rows each stage kept and refused, for the card: read from the lake, never handed in."""

from collections.abc import Sequence
from typing import Any

from unicorn_assets.graph import ASSETS, REFUSING
from unicorn_assets.lake.query import connect
from unicorn_assets.lake.store import Lake


def stage_counts(lake: Lake, shards: Sequence[str], stages: Sequence[str]) -> dict[str, Any]:
    """Rows per stage, seeds per source, and quarantined rows per stage and reason, of these shards and stages.

    Rows that seed_catalog refused have no shard and are counted whole; text_embeddings' refusals count always.
    """
    counted = [*stages, "text_embeddings"]
    refusing = [stage for stage in counted if stage in REFUSING]
    tables = [stage for stage in counted if ASSETS[stage].by_shard]
    of_shards = "list_contains($shards, shard)"
    with connect(lake, dict.fromkeys(tables, shards), (*stages, "quarantine")) as sql:
        rows = {
            stage: sql.execute(f"SELECT count(*) FROM {stage} WHERE {of_shards}", {"shards": list(shards)}).fetchall()
            for stage in stages
        }
        by_source = "SELECT source, count(*) FROM seeds GROUP BY source ORDER BY source"
        sources = dict(sql.execute(by_source).fetchall())
        refused: dict[str, dict[str, int]] = {}
        by_reason = f"""
            SELECT stage, reason, count(*) FROM quarantine
            WHERE stage = 'seed_catalog' OR (list_contains($stages, stage) AND {of_shards})
            GROUP BY stage, reason ORDER BY stage, reason"""
        for stage, reason, count in sql.execute(by_reason, {"stages": refusing, "shards": list(shards)}).fetchall():
            refused.setdefault(stage, {})[reason] = count
    return {
        "rows": {stage: int(count[0][0]) for stage, count in rows.items()},
        "seeds_by_source": sources,
        "quarantined": refused,
    }
