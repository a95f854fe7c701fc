"""Sources to seeds: the catalog of all seeds, which cuts shards and registers their keys, and the shards themselves."""

from collections.abc import Callable
from functools import lru_cache, partial

import dagster as dg
import polars as pl

from unicorn_assets.assets.common import OWNERS, cpu_shards, graph_row
from unicorn_assets.assets.metadata import shard_metadata, with_sample
from unicorn_assets.assets.shard_work import Maker, Rows, Vectors, errors_for_people, fill_shards, parents
from unicorn_assets.assets.whole_work import make_whole, reusable, whole
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.shards import proved_info
from unicorn_assets.lake.store import Lake, Made, ShardInfo
from unicorn_assets.partitions import register
from unicorn_assets.progress import StageProgress
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource, ProgressResource
from unicorn_assets.seeds.catalog import (
    CatalogResult,
    build_catalog,
    catalog_made,
    seeds_made,
    seeds_of,
    shards_of,
    version,
)

MOST_TOLD = 50
"""Files that the log of a run names."""


def build(planned: Recipe) -> list[dg.AssetsDefinition]:
    """The assets of this stage for one recipe."""

    @dg.asset(
        **graph_row(planned, "seed_catalog"), kinds={"polars", "parquet"}, owners=OWNERS, code_version=version(planned)
    )
    def seed_catalog(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        store, recipe = lake.begin(planned)
        with errors_for_people():
            made, known = catalog_made(recipe), reusable(context, store, "seed_catalog")
            write = partial(_write_catalog, store, recipe, made, context.log.info)
            info, reused = make_whole(progress.to_log(context.log), "seed_catalog", made, known, write)
            shards = shards_of(store.read("seed_catalog"))
        added, removed = register(context.instance, recipe.name, shards)
        context.log.info(f"{len(shards)} shards: {len(added)} new, {len(removed)} gone")
        metadata = shard_metadata(store, "seed_catalog", "all", info, reused)
        return whole(metadata | {"shards": len(shards), "new shards": len(added)})

    @dg.asset(
        **graph_row(planned, "seeds"), **cpu_shards(planned), kinds={"polars", "parquet"}, code_version=version(planned)
    )
    def seeds(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        store, recipe = lake.begin(planned)
        with errors_for_people():
            parents(store, ("seed_catalog", "all"))
            catalog = store.read("seed_catalog")
        slices = lru_cache(maxsize=1)(lambda shard: seeds_of(catalog, shard))

        def work(shard: str, running: StageProgress) -> Rows | Vectors:
            running.advance(slices(shard).height)
            return Rows(slices(shard), figures=_source_figures(slices(shard)))

        return fill_shards(
            context, store, recipe, progress.to_log(context.log),
            Maker(
                "seeds",
                version=version(recipe),
                parents_of=lambda shard: seeds_made(recipe, slices(shard), shard).parents,
                work=work,
                rows_of=lambda shard: slices(shard).height,
            ),
        )  # fmt: skip

    return [seed_catalog, seeds]


def _write_catalog(
    store: Lake, recipe: Recipe, made: Made, tell: Callable[[str], None], running: StageProgress
) -> ShardInfo:  # fmt: skip
    previous = store.find("seed_catalog")
    if previous is None:
        previous = _placed_so_far(store)
    result = build_catalog(recipe, previous, running.advance)
    store.write("quarantine/seed_catalog", "all", result.quarantine, made)
    for words in _told(result):
        tell(words)
    reasons = dict(result.quarantine["reason"].value_counts(sort=True).iter_rows())
    extra = {
        "quarantined": reasons,
        "seeds of": {name: counts["seeds"] for name, counts in result.counts.items()},
        "added": result.added,
        "removed": result.removed,
        **({"removed of": removed} if (removed := _removed(result)) else {}),
    }
    return store.write("seed_catalog", "all", result.catalog, made, with_sample(extra, result.catalog))


def _removed(result: CatalogResult) -> dict[str, int]:
    """Seeds that went by file; the files with most."""
    went = sorted(((removed, file) for file, (_, removed) in result.changes.items() if removed), reverse=True)
    return {file: removed for removed, file in went[:MOST_TOLD]}


def _told(result: CatalogResult) -> list[str]:
    """What changed, file by file, and which files were refused, for the run's log."""
    unusable = result.quarantine.filter(pl.col("reason") == "unusable_file")
    words = [
        f"{row_id.removesuffix(':0')}: left out: {detail}"
        for row_id, detail in unusable["row_id", "detail"].iter_rows()
    ]
    gone = set(result.changes) - set(result.catalog["file"].unique())
    for file, (added, removed) in result.changes.items():
        if file in gone:
            words.append(f"{file}: none of its seeds is there any more; it had {removed:,}")
        else:
            words.append(f"{file}: {added:,} new seeds" + (f", {removed:,} gone" if removed else ""))
    return words if len(words) <= MOST_TOLD else [*words[:MOST_TOLD], f"and {len(words) - MOST_TOLD:,} more files"]


def _placed_so_far(store: Lake) -> pl.DataFrame | None:
    """The catalog as its shards remember it, so that each seed stays in its shard although the catalog was lost."""
    shards = [shard for shard in store.shards("seeds") if proved_info(store, "seeds", shard)]
    return store.read_many("seeds", shards).select(*polars_schema("seed_catalog")) if shards else None


def _source_figures(frame: pl.DataFrame) -> dict[str, float]:
    lengths: list[int] = frame["text"].str.len_chars().to_list()
    return {"domains": frame["domain"].n_unique(), "mean characters": round(sum(lengths) / max(len(lengths), 1), 1)}
