"""What steps wait for before they start."""

from pathlib import Path

from unicorn_assets.assets.common import llm_shards
from unicorn_assets.gpu import GPU_POOL, LLM_POOL
from unicorn_assets_tests.recipes import recipe_of


def test_only_a_server_of_its_own_costs_a_step_a_slot(tmp_path: Path) -> None:
    settings = {"url": {"url": "http://127.0.0.1:1/v1", "model": "m"}, "embedded": {}, "vllm": {"model": "m"}}
    recipes = {kind: recipe_of(tmp_path, llm={"endpoint": kind, **llm}) for kind, llm in settings.items()}
    pools = {kind: llm_shards(recipe)["pool"] for kind, recipe in recipes.items()}
    assert pools == {"url": None, "embedded": LLM_POOL, "vllm": GPU_POOL}
