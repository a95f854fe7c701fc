"""Arguments that assets share: owners, kinds, pools and backfill policies, said once."""

from typing import Any

import dagster as dg

from unicorn_assets.assets.metadata import column_schema
from unicorn_assets.assets.shard_work import FORCE
from unicorn_assets.gpu import GPU_POOL, LLM_POOL, gpu_op_tags, steps_are_pods
from unicorn_assets.graph import ASSETS, Kind
from unicorn_assets.keys import asset_key
from unicorn_assets.partitions import shards_definition
from unicorn_assets.recipe import Recipe

OWNERS = ["team:data"]


def graph_row(recipe: Recipe, name: str) -> dict[str, Any]:
    """Arguments of the asset that its row in graph.py decides."""
    config = forcing() if ASSETS[name].kind is not Kind.RELEASE else {}  # a release never changes
    return {**spec_row(recipe, name), **config}


def spec_row(recipe: Recipe, name: str) -> dict[str, Any]:
    """The same for an asset that one step makes with others: what is of the asset alone."""
    asset = ASSETS[name]
    columns = {"metadata": column_schema(name)} if asset.kind is Kind.TABLE else {}
    return {
        "key": asset_key(recipe.name, name), "description": asset.about, "group_name": asset.group,
        "deps": [asset_key(recipe.name, parent) for parent in asset.parents], **columns,
    }  # fmt: skip


def forcing() -> dict[str, Any]:
    """The run config of a step that can be told to make shards anew."""
    return {"config_schema": {FORCE: _FORCED}}


_FORCED = dg.Field(
    [str], default_value=[],
    description='Shards to make anew although they are current, ["all"] for each of the run; "multiple_choice/all" '
    "names one asset of a step that makes several. Answers of an LLM come from the journal.",
)  # fmt: skip


# Where a step is a pod of its own, a killed pod counts as a failed step. What was finished is kept: a retry costs only
# the rest; faults that a person must mend are raised with allow_retries=False.
RETRY = dg.RetryPolicy(max_retries=2, delay=30) if steps_are_pods() else None
LLM_KINDS = {"embedded": "llamacpp", "url": "openai", "vllm": "vllm"}
LLM_POOLS = {"embedded": LLM_POOL, "url": None, "vllm": GPU_POOL}


def cpu_shards(recipe: Recipe) -> dict[str, Any]:
    """Arguments of assets that need neither an LLM nor the encoder."""
    return {
        "partitions_def": shards_definition(recipe.name),
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "owners": OWNERS,
        "retry_policy": RETRY,
    }


def llm_shards(recipe: Recipe) -> dict[str, Any]:
    """Arguments of steps that ask an LLM: a run of 8 shards is lost at most in part, the journal keeps the answers."""
    needs_gpu = recipe.llm.endpoint == "vllm"
    shards = cpu_shards(recipe)
    del shards["owners"]  # a matter of each asset
    return {
        **shards,
        "backfill_policy": dg.BackfillPolicy.multi_run(8),
        "pool": LLM_POOLS[recipe.llm.endpoint],
        "op_tags": gpu_op_tags(recipe.llm.vllm.tensor_parallel_size) if needs_gpu else {},
    }


def encoder_shards(recipe: Recipe) -> dict[str, Any]:
    """Arguments of assets that run the encoder."""
    needs_gpu = recipe.encoder.kind != "pocket" and recipe.encoder.device != "cpu"
    return {
        **cpu_shards(recipe),
        **({"backfill_policy": dg.BackfillPolicy.multi_run(8)} if needs_gpu else {}),
        "pool": GPU_POOL if needs_gpu else None,
        "op_tags": gpu_op_tags() if needs_gpu else {},
    }


def encoder_step(recipe: Recipe, is_run: bool) -> dict[str, Any]:
    """Arguments of an asset over all shards that runs the encoder for some recipes only: whether it does for this."""
    needed = encoder_shards(recipe) if is_run else {}
    return {key: needed[key] for key in ("pool", "op_tags", "retry_policy") if key in needed}
