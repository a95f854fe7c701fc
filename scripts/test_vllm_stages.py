"""Stages 1 and 2 of a recipe, with the assets of the pipeline, as `unicorn run` runs them. For scripts/test_vllm.py.

Usage: python scripts/test_vllm_stages.py RECIPE, with UNICORN_HOME set. Stage 3 needs no LLM and more rows.
"""

import sys

from rich.console import Console

from unicorn_assets.automation.local_run import Outcome, _bury_dead_runs, _run, local_instance
from unicorn_assets.definitions import build_defs
from unicorn_assets.home import find_home
from unicorn_assets.partitions import RANGE_END, RANGE_START, known_shards
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.resources.progress import listening
from unicorn_assets.terminal.bars import shown_on

STAGES = (
    "seeds", "caption_drafts", "near_duplicates", "captions", "multiple_choice", "question_answering",
    "complex_reasoning", "instructions",
)  # fmt: skip


def main() -> int:
    """0 when both runs went well."""
    home = find_home(recipe=sys.argv[1])
    outcome = Outcome()
    with shown_on(Console()) as progress, local_instance(home) as instance, listening(progress):
        _bury_dead_runs(instance)
        data_set = load_recipe(home.recipe).name
        job = build_defs(home).resolve_implicit_global_asset_job_def()
        if _run(job, instance, data_set, ["seed_catalog"], {}, outcome):
            shards = sorted(known_shards(instance, data_set))
            _run(job, instance, data_set, STAGES, {RANGE_START: shards[0], RANGE_END: shards[-1]}, outcome)
    print(*outcome.problems, sep="\n")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
