"""From queries to Dagster: one check step per asset, which runs all its queries over the run's shards.

The result speaks of all shards of the run; its violating rows name their shard. A failed blocking check also leaves a
verdict for the shard in the lake, so that later runs do not build on it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl

from unicorn_assets.assets.metadata import sample
from unicorn_assets.assets.shard_work import errors_for_people, shard_info
from unicorn_assets.checks.queries import Query, queries, violations
from unicorn_assets.checks.views import open_views, thresholds
from unicorn_assets.graph import ARTIFACTS, ASSETS
from unicorn_assets.lake.artifacts import artifact_info, write_verdict
from unicorn_assets.lake.store import ALL, Lake
from unicorn_assets.partitions import shards_of_run
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource


def build_checks(recipe: Recipe) -> list[dg.AssetChecksDefinition]:
    """One check step for every asset that has queries."""
    return [_checks(recipe, asset, found) for asset, found in queries().items()]


def _checks(recipe: Recipe, asset: str, found: Sequence[Query]) -> dg.AssetChecksDefinition:
    by_shard = ASSETS[asset].by_shard
    specs = [dg.AssetCheckSpec(q.name, asset=asset, description=q.about, blocking=q.blocking) for q in found]
    limits = thresholds(recipe)

    @dg.multi_asset_check(name=f"{asset}_checks", specs=specs, can_subset=True)
    def checks(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        store = lake.open()
        wanted = [q for q in found if dg.AssetCheckKey(dg.AssetKey(asset), q.name) in context.selected_asset_check_keys]
        # What speaks of all shards is checked against all of them, also in a run over a few.
        run_shards = shards_of_run(context.instance, context.run.tags if by_shard else {})
        shards = [s for s in run_shards if shard_info(store, asset, s)] if by_shard else run_shards
        with errors_for_people(), open_views(store, asset, shards) as connection:
            broken = {query: violations(connection, query, limits) for query in wanted}
        if by_shard:
            _note_shards(store, asset, shards, broken)
        elif info := artifact_info(store, ARTIFACTS[asset]) if asset in ARTIFACTS else shard_info(store, asset):
            write_verdict(store, asset, ALL, info.content, [q.name for q, rows in broken.items() if _blocks(q, rows)])
        for query, rows in broken.items():
            yield dg.AssetCheckResult(
                asset_key=asset, check_name=query.name, passed=rows.is_empty(), severity=_severity(query),
                description=_verdict(query, rows), metadata=_metadata(query, rows, len(shards) if by_shard else None),
            )  # fmt: skip

    return checks


def _note_shards(
    lake: Lake,
    asset: str,
    shards: Sequence[str],
    broken: dict[Query, pl.DataFrame],
) -> None:
    for shard in shards:
        own = {query: _of_shard(rows, shard) for query, rows in broken.items()}
        info = shard_info(lake, asset, shard)
        if info is not None:
            write_verdict(lake, asset, shard, info.content, [q.name for q, rows in own.items() if _blocks(q, rows)])


def _of_shard(rows: pl.DataFrame, shard: str) -> pl.DataFrame:
    """Violations of one shard; a query without a shard column speaks of all of them together."""
    return rows.filter(pl.col("shard") == shard) if "shard" in rows.columns else rows


def _blocks(query: Query, rows: pl.DataFrame) -> bool:
    return query.blocking and query.is_error and not rows.is_empty()


def _severity(query: Query) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if query.is_error else dg.AssetCheckSeverity.WARN


def _verdict(query: Query, rows: pl.DataFrame) -> str:
    return query.about if rows.is_empty() else f"{rows.height:,} rows break this: {query.about}"


def _metadata(query: Query, rows: pl.DataFrame, shards: int | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"violations": rows.height, "query": dg.MetadataValue.md(f"```sql\n{query.sql}\n```")}
    if shards is not None:
        metadata["shards"] = shards
    if not rows.is_empty():
        metadata["rows"] = sample(rows, 10)
    return metadata
