"""The records of stage 2: all tasks' pairs of a shard, joined to multi-turn conversations."""

from typing import Any

import dagster as dg

from unicorn_assets.assets.benchmarks import benchmarks_of
from unicorn_assets.assets.common import cpu_shards, graph_row
from unicorn_assets.assets.shard_work import Maker, Rows, Vectors, errors_for_people, fill_shards, parents
from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.instructions.conversation import to_records, version
from unicorn_assets.progress import StageProgress
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource, ProgressResource


def build(planned: Recipe) -> list[dg.AssetsDefinition]:
    """The asset of the records for one recipe."""

    @dg.asset(
        **graph_row(planned, "instructions"),
        **cpu_shards(planned),
        kinds={"polars", "parquet"},
        code_version=version(planned),
    )
    def instructions(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult[Any]:
        store, recipe = lake.begin(planned)
        with errors_for_people():
            leaks, benchmarks = benchmarks_of(recipe)

        def work(shard: str, running: StageProgress) -> Rows | Vectors:
            pairs = {task: store.read(task, shard) for task in TASK_NAMES}
            frame, refused = to_records(store.read("captions", shard), pairs, leaks)
            running.advance(sum(table.height for table in pairs.values()))
            per_task = {f"records {task}": n for task, n in frame["task"].value_counts().iter_rows()}
            return Rows(frame, refused, {**per_task, "pairs": int(frame["pairs"].sum())})

        return fill_shards(
            context, store, recipe, progress.to_log(context.log),
            Maker(
                "instructions",
                version=version(recipe),
                parents_of=lambda shard: {
                    **parents(store, *((name, shard) for name in ("captions", *TASK_NAMES))), **benchmarks,
                },
                work=work,
                rows_of=lambda shard: sum(store.read(task, shard, ["caption_id"]).height for task in TASK_NAMES),
            ),
        )  # fmt: skip

    return [instructions]
