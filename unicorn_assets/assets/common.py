"""Arguments that assets share: owners, kinds, pools and backfill policies, said once."""

from typing import Any

import dagster as dg

from unicorn_assets.gpu import GPU_POOL, LLM_POOL, gpu_op_tags
from unicorn_assets.partitions import SHARDS
from unicorn_assets.recipe import Recipe

OWNERS = ["team:data"]
LLM_KINDS = {"embedded": "llamacpp", "url": "openai", "vllm": "vllm"}
CPU_SHARDS: dict[str, Any] = {
    "partitions_def": SHARDS,
    "backfill_policy": dg.BackfillPolicy.single_run(),
    "owners": OWNERS,
}


def llm_shards(recipe: Recipe) -> dict[str, Any]:
    """Arguments of assets that ask an LLM: a run of 8 shards is lost at most in part, the journal keeps the answers."""
    needs_gpu = recipe.llm.endpoint == "vllm"
    return {
        "partitions_def": SHARDS,
        "backfill_policy": dg.BackfillPolicy.multi_run(8),
        "owners": OWNERS,
        "pool": GPU_POOL if needs_gpu else LLM_POOL,
        "op_tags": gpu_op_tags() if needs_gpu else {},
    }


def encoder_shards(recipe: Recipe) -> dict[str, Any]:
    """Arguments of assets that run the encoder."""
    needs_gpu = recipe.encoder.kind != "pocket" and recipe.encoder.device != "cpu"
    return {
        "partitions_def": SHARDS,
        "backfill_policy": dg.BackfillPolicy.multi_run(8) if needs_gpu else dg.BackfillPolicy.single_run(),
        "owners": OWNERS,
        "pool": GPU_POOL if needs_gpu else None,
        "op_tags": gpu_op_tags() if needs_gpu else {},
    }
