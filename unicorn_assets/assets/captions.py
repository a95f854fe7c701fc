"""From drafts to captions: near duplicates over all shards, and the captions that pass every gate."""

from typing import Any

import dagster as dg
import polars as pl

from unicorn_assets.assets.benchmarks import benchmarks_of
from unicorn_assets.assets.common import OWNERS, cpu_shards, encoder_shards, encoder_step, graph_row
from unicorn_assets.assets.metadata import shard_metadata, with_sample
from unicorn_assets.assets.plots import histogram
from unicorn_assets.assets.shard_work import Maker, Rows, Vectors, errors_for_people, fill_shards, parents
from unicorn_assets.assets.whole_work import make_whole, reusable, there, whole
from unicorn_assets.captions.accept import accept_captions
from unicorn_assets.captions.drift import judged, reading, version
from unicorn_assets.captions.repeats import compare
from unicorn_assets.captions.repeats import reading as repeats_reading
from unicorn_assets.captions.repeats import version as duplicates_version
from unicorn_assets.captions.stage import lengths
from unicorn_assets.curation.diversity import brief
from unicorn_assets.encoders import fetch_weights
from unicorn_assets.lake.store import ALL, Made, ShardInfo, content_hash
from unicorn_assets.partitions import known_shards
from unicorn_assets.progress import StageProgress
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import EncoderResource, LakeResource, ProgressResource

ABOUT = "words per caption"


def build(planned: Recipe) -> list[dg.AssetsDefinition]:
    """The assets that make captions of drafts for one recipe."""
    read, comparing = reading(planned), repeats_reading(planned)

    @dg.asset(
        **graph_row(planned, "near_duplicates"),
        **encoder_step(comparing or planned, comparing is not None),
        kinds={"polars", "parquet"},
        owners=OWNERS,
        code_version=duplicates_version(planned),
    )
    def near_duplicates(
        context: dg.AssetExecutionContext, lake: LakeResource, encoder: EncoderResource, progress: ProgressResource
    ) -> dg.MaterializeResult[Any]:
        store, recipe = lake.begin(planned)

        def make(running: StageProgress) -> ShardInfo:
            frame, figures = compare(
                store,
                recipe,
                shards,
                known,
                running.advance,
                encoder.comparer,
                lambda rows: running.advance(0, read=rows),
            )
            return store.write("near_duplicates", ALL, frame, made, with_sample(figures, frame))

        with errors_for_people():
            if (reader := repeats_reading(recipe)) is not None:
                fetch_weights(reader)
            shards = there(store, "caption_drafts", known_shards(context.instance, recipe.name))
            made = Made(
                recipe.name, duplicates_version(recipe), parents(store, *(("caption_drafts", s) for s in shards))
            )
            known, log = reusable(context, store, "near_duplicates"), progress.to_log(context.log)
            info, reused = make_whole(log, "near_duplicates", made, known, make, "captions")
        return whole(shard_metadata(store, "near_duplicates", ALL, info, reused))

    @dg.asset(
        **graph_row(planned, "captions"),
        **(cpu_shards(planned) if read is None else encoder_shards(read)),
        kinds={"polars", "parquet"},
        code_version=version(planned),
    )
    def captions(
        context: dg.AssetExecutionContext, lake: LakeResource, encoder: EncoderResource, progress: ProgressResource
    ) -> dg.MaterializeResult[Any]:
        store, recipe = lake.begin(planned)
        with errors_for_people():
            parents(store, ("near_duplicates", ALL))
            repeated = store.read("near_duplicates").partition_by("shard", as_dict=True)
            leaks, benchmarks = benchmarks_of(recipe)
            if (reader := reading(recipe)) is not None:
                fetch_weights(reader)
        none = pl.DataFrame(schema=store.read("near_duplicates").schema)

        def repeats(shard: str) -> pl.DataFrame:
            return repeated.get((shard,), none)

        def work(shard: str, running: StageProgress) -> Rows | Vectors:
            drafts, seeds = store.read("caption_drafts", shard), store.read("seeds", shard)
            frame, refused = accept_captions(drafts, seeds, repeats(shard), recipe, leaks)
            running.advance(drafts.height - frame.height)
            frame, drifted, cosines = judged(frame, seeds, recipe, encoder.reader, running.advance)
            refused = pl.concat([refused, drifted])
            chosen = {f"chosen for {task}": n for task, n in frame["task"].drop_nulls().value_counts().iter_rows()}
            shown = {ABOUT: histogram(frame["words"].to_list(), ABOUT)} if frame.height else {}
            return Rows(frame, refused, {**lengths(frame), **brief(frame["text"]), **chosen, **cosines}, shown)

        return fill_shards(
            context, store, recipe, progress.to_log(context.log),
            Maker(
                "captions",
                version=version(recipe),
                # Only this shard's near duplicates count: one more shard elsewhere leaves this one current.
                parents_of=lambda shard: {
                    **parents(store, ("caption_drafts", shard), ("seeds", shard)),
                    f"near_duplicates/{shard}": content_hash(repeats(shard)),
                    **benchmarks,
                },
                work=work,
                rows_of=lambda shard: store.read("caption_drafts", shard, ["caption_id"]).height,
            ),
        )  # fmt: skip

    return [near_duplicates, captions]
