"""All assets of a recipe."""

import dagster as dg

from unicorn_assets.assets import captions, embeddings, gap, generation, instructions, releases, seeds, transfer
from unicorn_assets.recipe import Recipe

STAGES = (seeds, generation, captions, instructions, embeddings, transfer, gap, releases)


def build_assets(recipe: Recipe) -> list[dg.AssetsDefinition]:
    """The assets of all stages for one recipe."""
    return [asset for stage in STAGES for asset in stage.build(recipe)]
