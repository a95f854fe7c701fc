"""A run follows one recipe from its first step to its last, in however many processes or pods its steps are.

Dagster loads the code location anew for each step that is a process of its own; a recipe that was edited in between
would mix two versions of the data. The run's first step writes the recipe's hash among the run's tags, each compares.

Dagster's tags know no compare-and-set: two first steps that begin in the milliseconds between reading and writing them,
with the edit just between their loadings of the recipe, would both pass. What the older recipe made is stale then, and
`unicorn status`, the next run and the next night see that.
"""

import dagster as dg
from dagster._core.storage.tags import RESUME_RETRY_TAG

from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.recipe import Recipe

RECIPE_TAG = "unicorn/recipe"
"""Hash of the recipe that a run follows."""
BEGUN_TAG = "unicorn/recipe-of-run"
"""The run that wrote the hash: whoever launches a run again gets its tags, too."""


def recipe_tag(recipe: Recipe) -> str:
    """Hash of everything that the recipe says, but for people: gates of checks and how an LLM is reached count, too."""
    return digest(recipe.model_dump(mode="json", exclude={"about"}), 8)


def hold_to_one_recipe(instance: dg.DagsterInstance, run_id: str, recipe: Recipe) -> None:
    """Note `recipe` as the one of this run, or refuse another than was noted. A run that resumes another one (retry
    from failure) is held to that one's; one that is launched from the start again is not.
    """
    run = instance.get_run_by_id(run_id)
    if run is None:
        return
    now, noted = recipe_tag(recipe), run.tags.get(RECIPE_TAG)
    is_bound = run.tags.get(BEGUN_TAG) == run_id or run.tags.get(RESUME_RETRY_TAG) == "true"
    if noted is None or not is_bound:
        instance.add_run_tags(run.run_id, {RECIPE_TAG: now, BEGUN_TAG: run.run_id})
    elif noted != now:
        raise UserError(
            f"recipe {recipe.name!r} was edited since this run began ({noted}, now {now}); this step wrote nothing",
            "launch a new run of the same assets: what is finished is kept, and made anew where the edit concerns it",
        )
