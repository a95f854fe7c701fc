"""Stage 2: three kinds of question-answer pairs by the LLM, joined to multi-turn records."""

from typing import Any

import dagster as dg
import polars as pl

from unicorn_assets.assets.common import CPU_SHARDS, LLM_KINDS, llm_shards
from unicorn_assets.assets.metadata import column_schema
from unicorn_assets.assets.shard_work import Rows, Vectors, fill_shards, parents
from unicorn_assets.generation.rounds import shortfall
from unicorn_assets.ids import digest
from unicorn_assets.instructions.conversation import to_records
from unicorn_assets.instructions.stage import version, write_pairs
from unicorn_assets.lake.redrives import Redrives
from unicorn_assets.lake.store import Lake
from unicorn_assets.progress import Stage
from unicorn_assets.recipe import TASKS, Recipe
from unicorn_assets.resources import LakeResource, LlmResource, ProgressResource

GROUP = "instructions"
ABOUT = {
    "multiple_choice": "Questions with four options and one right letter, from the captions chosen for this task.",
    "question_answering": "Questions with free-text answers, from the captions chosen for this task.",
    "complex_reasoning": "Problems with step-by-step solutions, from the captions chosen for this task.",
}


def build(recipe: Recipe) -> list[dg.AssetsDefinition]:
    """The assets of this stage for one recipe."""
    records_version = digest(["records-1", recipe.section_hash("instructions")], 8)

    @dg.asset(
        **CPU_SHARDS,
        group_name=GROUP,
        kinds={"polars", "parquet"},
        deps=["captions", *TASKS],
        code_version=records_version,
        metadata=column_schema("instructions"),
    )
    def instructions(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        """Multi-turn records in the shape that LLaVA and Bunny train on: the text of the instruction set."""
        store = lake.open()

        def work(shard: str, stage: Stage) -> Rows | Vectors:
            pairs: dict[str, pl.DataFrame] = {task: store.read(task, shard) for task in TASKS}
            frame, quarantine = to_records(store.read("captions", shard), pairs, recipe)
            stage.advance(sum(table.height for table in pairs.values()))
            per_task = {f"records {task}": n for task, n in frame["task"].value_counts().iter_rows()}
            return Rows(frame, quarantine, {**per_task, "pairs": int(frame["pairs"].sum())})

        return fill_shards(
            context, store, recipe, progress.to_log(context.log),
            version=records_version,
            parents_of=lambda shard: parents(store, ("captions", shard), *((task, shard) for task in TASKS)),
            work=work,
            rows_of=lambda shard: sum(store.read(task, shard, ["caption_id"]).height for task in TASKS),
        )  # fmt: skip

    return [*(_task_asset(recipe, task) for task in TASKS), instructions]


def _task_asset(recipe: Recipe, task: str) -> dg.AssetsDefinition:
    @dg.asset(
        **llm_shards(recipe),
        name=task,
        description=ABOUT[task],
        group_name=GROUP,
        kinds={LLM_KINDS[recipe.llm.endpoint], "parquet"},
        deps=["captions"],
        code_version=version(recipe, task),
        metadata=column_schema(task),
    )
    def pairs(
        context: dg.AssetExecutionContext, lake: LakeResource, llm: LlmResource, progress: ProgressResource
    ) -> dg.MaterializeResult[Any]:
        store = lake.open()
        redrives = Redrives(store, task)

        def work(shard: str, stage: Stage) -> Rows | Vectors:
            ask, ledger = llm.asking(stage)
            frame, quarantine = write_pairs(task, store.read("captions", shard), recipe, ask, redrives.rows(shard))
            short = shortfall(recipe.instructions.task(task).accept, frame.height + quarantine.height, frame.height)
            pairs = int(frame["pairs"].list.len().sum())
            return Rows(frame, quarantine, {**ledger.as_dict(recipe.llm.price), "pairs": pairs, **short})

        return fill_shards(
            context, store, recipe, progress.to_log(context.log),
            version=version(recipe, task),
            parents_of=lambda shard: {**parents(store, ("captions", shard)), **redrives.parents(shard)},
            work=work,
            rows_of=lambda shard: _chosen(store, shard, task),
        )  # fmt: skip

    return pairs


def _chosen(store: Lake, shard: str, task: str) -> int:
    return int((store.read("captions", shard, ["task"])["task"] == task).sum())
