"""All stages that ask an LLM, for one recipe. A new task is a folder and a line in graph.py, and nothing here."""

from unicorn_assets.captions.stage import stage as caption_stage
from unicorn_assets.generation.stage import Stage
from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.instructions.stage import stage as task_stage
from unicorn_assets.recipe import Recipe


def stages(recipe: Recipe) -> dict[str, Stage]:
    """By asset, in the order of the graph; raises UserError when a prompt of the recipe does not fit."""
    found = [caption_stage(recipe), *(task_stage(recipe, task) for task in TASK_NAMES)]
    return {stage.name: stage for stage in found}
