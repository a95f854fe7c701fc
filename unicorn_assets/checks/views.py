"""What check queries can see: the lake's tables, and small tables made from vectors, artifacts and releases.

Besides the tables of lake/schemas.py there are:
    <vectors>(caption_id, norm, finite, dimension, shard) for text_embeddings and image_embeddings
    figures(asset, shard, name, value)   numbers that makers left with their shards; for transfer also the rows of
                                         text_embeddings
    gap(metric, state, value, low, high) the measured modality gap; state: before, after, cross_fitted
    release_problems(asset, problem)     what verifying the newest release found
    release_shards(asset, shard)         shards of the newest release
    diversity(metric, before, now, worse)  figures of the newest release of captions and of the one before it
    made_of(asset, parent, shard)        shards that a table over all shards saw as they are now; for captions
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from unicorn_assets.graph import ARTIFACTS, ASSETS, RELEASES, VECTORS, ancestors
from unicorn_assets.lake.artifacts import artifact_info, read_artifact
from unicorn_assets.lake.query import add_table, connect
from unicorn_assets.lake.released import latest_release, release_folder, release_manifest
from unicorn_assets.lake.schemas import TABLES
from unicorn_assets.lake.shards import shard_info
from unicorn_assets.lake.store import ALL, Lake, ShardInfo
from unicorn_assets.lineage.diversity import trend
from unicorn_assets.recipe import Recipe
from unicorn_assets.release import verify_release

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection


def thresholds(recipe: Recipe) -> dict[str, Any]:
    """What the queries may name as $parameters: the recipe's limits, gates and, by task, wanted shares.

    A limit that is off is None: no number is above or below it.
    """
    gates = recipe.captions.gates
    shares = [{"task": task, "share": share} for task, share in recipe.instructions.shares().items()]
    return {
        **recipe.checks.model_dump(), "min_words": gates.min_words, "max_words": gates.max_words, "task_shares": shares,
    }  # fmt: skip


def open_views(lake: Lake, asset: str, shards: Sequence[str]) -> "Connection":
    """A connection for the checks of `asset` over `shards` (all shards for an unpartitioned asset)."""
    # Partitioned tables are narrowed to the run's shards, so that checking one shard reads one shard.
    connection = connect(lake, {name: list(shards) for name in TABLES if name in ASSETS and ASSETS[name].by_shard})
    for name in VECTORS:  # what is made further on is no matter of this asset's: it may be damaged, or not there yet
        used = shards if asset in VECTORS and name in ancestors(asset) else ()
        add_table(connection, name, _vector_facts(lake, name, [s for s in used if lake.vector_info(name, s)]))
    add_table(connection, "figures", _figures(lake, asset, shards))
    add_table(connection, "made_of", _made_of(lake, shards if asset == "captions" else ()))
    add_table(connection, "gap", _gap_frame(_gap(lake) if asset == "modality_gap" else {}))
    path, manifest = _latest(lake, asset) if asset in RELEASES else ("", {})
    problems = [(asset, problem) for problem in verify_release(path)] if path else []
    released = [(asset, shard) for shard in sorted({name.split("/")[1] for name in manifest.get("parents", {})})]
    add_table(connection, "diversity", _diversity(lake, asset if path and not problems else ""))
    for view, column, rows in (("release_problems", "problem", problems), ("release_shards", "shard", released)):
        add_table(connection, view, pl.DataFrame(rows, schema={"asset": pl.String, column: pl.String}, orient="row"))
    return connection


def _latest(lake: Lake, asset: str) -> tuple[str, dict[str, Any]]:
    """Location and manifest of the newest release; empty when there is none yet."""
    version = latest_release(lake, asset)
    if version is None:
        return "", {}
    return lake.files.url(release_folder(asset, version)), release_manifest(lake, asset, version)


def _vector_facts(lake: Lake, name: str, shards: Sequence[str]) -> pl.DataFrame:
    schema = {
        "caption_id": pl.String, "norm": pl.Float64, "finite": pl.Boolean, "dimension": pl.Int64, "shard": pl.String,
    }  # fmt: skip
    frames = []
    for shard in shards:
        ids, stored = lake.read_vectors(name, shard)
        vectors = stored.astype(np.float32)
        frames.append(
            pl.DataFrame(
                {
                    "caption_id": ids,
                    "norm": np.linalg.norm(vectors, axis=1).astype(np.float64),
                    "finite": np.isfinite(vectors).all(axis=1),
                    "dimension": [vectors.shape[1]] * len(ids),
                    "shard": [shard] * len(ids),
                },
                schema=schema,
            )
        )
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


def _figures(lake: Lake, asset: str, shards: Sequence[str]) -> pl.DataFrame:
    infos: dict[str, ShardInfo | None] = {shard: shard_info(lake, asset, shard) for shard in (*shards, ALL)}
    if asset in ARTIFACTS:
        infos = {ALL: artifact_info(lake, ARTIFACTS[asset])}
    rows = []
    for shard, info in infos.items():
        if info is not None:
            numbers = {name: value for name, value in info.extra.items() if isinstance(value, int | float)}
            rows += [(asset, shard, name, float(value)) for name, value in (numbers | {"rows": info.rows}).items()]
    if asset == "transfer":
        made = {shard: lake.vector_info("text_embeddings", shard) for shard in shards}
        rows += [("text_embeddings", shard, "rows", float(info.rows)) for shard, info in made.items() if info]
    if asset in RELEASES:
        _, manifest = _latest(lake, asset)
        rows.append(
            (
                asset,
                ALL,
                "rows",
                float(max((file["rows"] or 0 for file in manifest.get("files", {}).values()), default=0)),
            )
        )
    schema = {"asset": pl.String, "shard": pl.String, "name": pl.String, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _made_of(lake: Lake, shards: Sequence[str]) -> pl.DataFrame:
    """Of these shards those that the search for near duplicates saw as they are now."""
    info = lake.info("near_duplicates")
    saw = info.made.parents if info else {}
    drafts = {shard: lake.info("caption_drafts", shard) for shard in shards}
    rows = [
        ("near_duplicates", "caption_drafts", shard)
        for shard, draft in drafts.items()
        if draft is not None and saw.get(f"caption_drafts/{shard}") == draft.content
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("asset", "parent", "shard"), pl.String), orient="row")


def _diversity(lake: Lake, asset: str) -> pl.DataFrame:
    schema = {"metric": pl.String, "before": pl.Float64, "now": pl.Float64, "worse": pl.Float64}
    found = trend(lake, asset) if asset == "unicorn_1_2m" else None
    rows = [(name, found.before[name], found.now[name], worse) for name, worse in found.worse.items()] if found else []
    return pl.DataFrame(rows, schema=schema, orient="row")


def _gap(lake: Lake) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_artifact(lake, ARTIFACTS["modality_gap"]))
    return found


def _gap_frame(report: Mapping[str, Any]) -> pl.DataFrame:
    rows = [
        (metric, state, *(estimate[key] for key in ("value", "low", "high")))
        for state in ("before", "after", "cross_fitted")
        for metric, estimate in report.get(state, {}).items()
    ]
    numbers = dict.fromkeys(("value", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, schema={"metric": pl.String, "state": pl.String, **numbers}, orient="row")
