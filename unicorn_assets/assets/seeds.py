"""Sources to seeds: the catalog of all seeds, which cuts shards and registers their keys, and the shards themselves."""

from functools import lru_cache

import dagster as dg
import polars as pl

from unicorn_assets.assets.common import CPU_SHARDS, OWNERS
from unicorn_assets.assets.metadata import column_schema, shard_metadata
from unicorn_assets.assets.shard_work import (
    Rows,
    Vectors,
    errors_for_people,
    fill_shards,
    parents,
    proved_info,
    refusals_there,
)
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import ALL, Lake, Made, ShardInfo, content_hash
from unicorn_assets.partitions import register
from unicorn_assets.progress import Stage
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource, ProgressResource
from unicorn_assets.seeds.catalog import build_catalog, seeds_of, shards_of, version
from unicorn_assets.seeds.sources import sources_fingerprint

GROUP = "seeds"


def build(recipe: Recipe) -> list[dg.AssetsDefinition]:
    """The assets of this stage for one recipe."""

    @dg.asset(
        group_name=GROUP,
        kinds={"polars", "parquet"},
        owners=OWNERS,
        code_version=version(recipe),
        metadata=column_schema("seed_catalog"),
    )
    def seed_catalog(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        """All seeds of all sources, normalised and de-duplicated, each with the shard it belongs to for ever."""
        store = lake.open()
        with errors_for_people():
            made = Made(recipe.name, version(recipe), {"sources": sources_fingerprint(recipe)})
            info = proved_info(store, "seed_catalog")
            reused = info is not None and info.inputs == made.inputs
            reused = reused and info is not None and refusals_there(store, "seed_catalog", ALL, info)
            if not reused:
                info = _write_catalog(store, recipe, made, progress.to_log(context.log).stage("seed_catalog", 0))
            assert info is not None, "the catalog was just written or found current"
            shards = shards_of(store.read("seed_catalog"))
        added, removed = register(context.instance, shards)
        context.log.info(f"{len(shards)} shards: {len(added)} new, {len(removed)} gone")
        metadata = shard_metadata(store, "seed_catalog", "all", info, reused)
        return dg.MaterializeResult(metadata=metadata | {"shards": len(shards), "new shards": len(added)})

    @dg.asset(
        **CPU_SHARDS,
        group_name=GROUP,
        kinds={"polars", "parquet"},
        deps=[seed_catalog],
        code_version=version(recipe),
        metadata=column_schema("seeds"),
    )
    def seeds(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        """The seeds of one shard."""
        store = lake.open()
        with errors_for_people():
            parents(store, ("seed_catalog", "all"))
            catalog = store.read("seed_catalog")
        slices = lru_cache(maxsize=1)(lambda shard: seeds_of(catalog, shard))

        def work(shard: str, stage: Stage) -> Rows | Vectors:
            stage.advance(slices(shard).height)
            return Rows(slices(shard), figures=_source_figures(slices(shard)))

        return fill_shards(
            context, store, recipe, progress.to_log(context.log),
            version=version(recipe),
            # Only the shard's own rows count: a source that grows leaves its other shards current.
            parents_of=lambda shard: {f"seed_catalog/{shard}": content_hash(slices(shard))},
            work=work,
            rows_of=lambda shard: slices(shard).height,
        )  # fmt: skip

    return [seed_catalog, seeds]


def _write_catalog(store: Lake, recipe: Recipe, made: Made, stage: Stage) -> ShardInfo:
    previous = store.find("seed_catalog")
    if previous is None:
        previous = _placed_so_far(store)
    result = build_catalog(recipe, previous, stage.advance)
    stage.close()
    store.write("quarantine/seed_catalog", "all", result.quarantine, made)
    reasons = dict(result.quarantine["reason"].value_counts(sort=True).iter_rows())
    extra = {
        "quarantined": reasons,
        "seeds of": {name: counts["seeds"] for name, counts in result.counts.items()},
        "added": result.added,
        "removed": result.removed,
    }
    return store.write("seed_catalog", "all", result.catalog, made, extra)


def _placed_so_far(store: Lake) -> pl.DataFrame | None:
    """The catalog as its shards remember it, so that each seed stays in its shard although the catalog was lost."""
    shards = [shard for shard in store.shards("seeds") if proved_info(store, "seeds", shard)]
    return store.read_many("seeds", shards).select(*polars_schema("seed_catalog")) if shards else None


def _source_figures(frame: pl.DataFrame) -> dict[str, float]:
    lengths: list[int] = frame["text"].str.len_chars().to_list()
    return {"domains": frame["domain"].n_unique(), "mean characters": round(sum(lengths) / max(len(lengths), 1), 1)}
