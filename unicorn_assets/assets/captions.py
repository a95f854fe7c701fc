"""Stage 1: one dense caption per seed, near duplicates over all shards, and the captions that pass every gate."""

import dagster as dg
import polars as pl

from unicorn_assets.assets.common import CPU_SHARDS, LLM_KINDS, OWNERS, llm_shards
from unicorn_assets.assets.metadata import column_schema, shard_metadata
from unicorn_assets.assets.plots import histogram
from unicorn_assets.assets.shard_work import Rows, Vectors, errors_for_people, fill_shards, parents, proved_info
from unicorn_assets.captions.accept import accept_captions
from unicorn_assets.captions.stage import draft_captions
from unicorn_assets.captions.stage import version as captions_version
from unicorn_assets.curation.near_duplicates import near_duplicates as find_near_duplicates
from unicorn_assets.curation.near_duplicates import version as duplicates_version
from unicorn_assets.generation.rounds import shortfall
from unicorn_assets.ids import digest
from unicorn_assets.lake.redrives import Redrives
from unicorn_assets.lake.store import ALL, Made, content_hash
from unicorn_assets.partitions import SHARDS_NAME
from unicorn_assets.progress import Stage
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource, LlmResource, ProgressResource

GROUP = "captions"


def build(recipe: Recipe) -> list[dg.AssetsDefinition]:
    """The assets of this stage for one recipe."""
    accept_version = digest(["accept-1", recipe.section_hash("instructions", "captions")], 8)

    @dg.asset(
        **llm_shards(recipe),
        group_name=GROUP,
        kinds={LLM_KINDS[recipe.llm.endpoint], "parquet"},
        deps=["seeds"],
        code_version=captions_version(recipe),
        metadata=column_schema("caption_drafts"),
    )
    def caption_drafts(
        context: dg.AssetExecutionContext, lake: LakeResource, llm: LlmResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        """One LLM caption per seed: accepted text, or quarantined with a reason."""
        store = lake.open()
        redrives = Redrives(store, "caption_drafts")

        def work(shard: str, stage: Stage) -> Rows | Vectors:
            ask, ledger = llm.asking(stage)
            seeds = store.read("seeds", shard)
            frame, quarantine = draft_captions(seeds, recipe, ask, redrives.rows(shard))
            short = shortfall(recipe.captions.accept, seeds.height, frame.height)
            return Rows(frame, quarantine, {**ledger.as_dict(recipe.llm.price), **_lengths(frame), **short})

        return fill_shards(
            context, store, recipe, progress.to_log(context.log),
            version=captions_version(recipe),
            parents_of=lambda shard: {**parents(store, ("seeds", shard)), **redrives.parents(shard)},
            work=work,
            rows_of=lambda shard: store.read("seeds", shard, ["seed_id"]).height,
        )  # fmt: skip

    @dg.asset(
        group_name=GROUP,
        kinds={"polars", "parquet"},
        owners=OWNERS,
        deps=[caption_drafts],
        code_version=duplicates_version(recipe),
        metadata=column_schema("near_duplicates"),
    )
    def near_duplicates(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        """Which drafts repeat an earlier one, over all shards: the candidate pairs' similarity is verified."""
        store = lake.open()
        with errors_for_people():
            shards = [
                s for s in context.instance.get_dynamic_partitions(SHARDS_NAME) if store.info("caption_drafts", s)
            ]
            made = Made(
                recipe.name, duplicates_version(recipe), parents(store, *(("caption_drafts", s) for s in shards))
            )
            info = proved_info(store, "near_duplicates")
            reused = info is not None and info.inputs == made.inputs
            if not reused:
                stage = progress.to_log(context.log).stage("near_duplicates", 0, "captions")
                drafts = ((shard, store.read("caption_drafts", shard)) for shard in shards)
                frame = find_near_duplicates(drafts, recipe, stage.advance)
                stage.close()
                info = store.write("near_duplicates", ALL, frame, made, {"shards compared": len(shards)})
            assert info is not None, "the table was just written or found current"
        return dg.MaterializeResult(metadata=shard_metadata(store, "near_duplicates", ALL, info, reused))

    @dg.asset(
        **CPU_SHARDS,
        group_name=GROUP,
        kinds={"polars", "parquet"},
        deps=[caption_drafts, near_duplicates, "seeds"],
        code_version=accept_version,
        metadata=column_schema("captions"),
    )
    def captions(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        """The captions that pass every gate: the text of the pretraining set; some are chosen for a task."""
        store = lake.open()
        with errors_for_people():
            parents(store, ("near_duplicates", ALL))
            repeated = store.read("near_duplicates").partition_by("shard", as_dict=True)
        none = pl.DataFrame(schema=store.read("near_duplicates").schema)

        def repeats(shard: str) -> pl.DataFrame:
            return repeated.get((shard,), none)

        def work(shard: str, stage: Stage) -> Rows | Vectors:
            drafts, seeds = store.read("caption_drafts", shard), store.read("seeds", shard)
            frame, quarantine = accept_captions(drafts, seeds, repeats(shard), recipe)
            stage.advance(drafts.height)
            chosen = {f"chosen for {task}": n for task, n in frame["task"].drop_nulls().value_counts().iter_rows()}
            return Rows(frame, quarantine, {**_lengths(frame), **chosen})

        result = fill_shards(
            context, store, recipe, progress.to_log(context.log),
            version=accept_version,
            # Only this shard's near duplicates count: one more shard elsewhere leaves this one current.
            parents_of=lambda shard: {
                **parents(store, ("caption_drafts", shard), ("seeds", shard)),
                f"near_duplicates/{shard}": content_hash(repeats(shard)),
            },
            work=work,
            rows_of=lambda shard: store.read("caption_drafts", shard, ["caption_id"]).height,
        )  # fmt: skip
        words = store.read_many("captions", context.partition_keys, ["words"])["words"].to_list()
        if words:
            about = "words per caption"
            for shard in context.partition_keys:
                context.add_asset_metadata({about: histogram(words, about)}, asset_key="captions", partition_key=shard)
        return result

    return [caption_drafts, near_duplicates, captions]


def _lengths(frame: pl.DataFrame) -> dict[str, float]:
    words: list[int] = frame["words"].to_list()
    if not words:
        return {}
    return {"mean words": round(sum(words) / len(words), 1), "min words": min(words), "max words": max(words)}
