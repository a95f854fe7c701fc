"""A recipe's benchmarks as assets need them: what to look for, and what a shard says that it was looked through for."""

from unicorn_assets.curation.leaks import Leaks
from unicorn_assets.recipe import Recipe
from unicorn_assets.seeds.benchmarks import read_benchmarks


def benchmarks_of(recipe: Recipe) -> tuple[Leaks, dict[str, str]]:
    """The items of all benchmarks, and for each a parent: a shard is outdated when a benchmark's file changes."""
    if not recipe.benchmarks:
        return Leaks([]), {}
    items, hashes = read_benchmarks(recipe)
    return Leaks(items), {f"benchmarks/{name}": content for name, content in hashes.items()}
