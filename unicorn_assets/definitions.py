"""The Dagster code location: the only place where assets, checks, automation and resources meet."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from unicorn_assets.assets.every import build_assets
from unicorn_assets.automation.alerts import build_alerts
from unicorn_assets.automation.alerts.settings import fresh_hours
from unicorn_assets.automation.catalog_watch import build_catalog_watch
from unicorn_assets.automation.freshness import with_freshness
from unicorn_assets.automation.health_link import health_url, with_link
from unicorn_assets.automation.jobs import build_jobs
from unicorn_assets.automation.lost_runs import build_lost_runs
from unicorn_assets.automation.night import build_night
from unicorn_assets.checks import build_checks
from unicorn_assets.ending import ends_with_its_parent
from unicorn_assets.gpu import step_executor
from unicorn_assets.home import Home, find_home
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.resources import EncoderResource, LakeResource, LlmResource, ProgressResource, RecipeResource
from unicorn_assets.resources.loaded import keep


def build_defs(home: Home | None = None, *, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """All definitions for the recipe and lake of `home` (by default what the environment says). A process that Dagster
    made for a run or a step loads them first: from then on it ends with whoever started it.
    """
    ends_with_its_parent()
    home = home or find_home()
    recipe = load_recipe(home.recipe)
    keep(str(home.recipe), recipe)
    variant = RecipeResource.configure_at_launch()
    resources = {
        "recipe": variant,
        "lake": LakeResource(url=home.lake_url, variant=variant),
        "llm": LlmResource(recipe=str(home.recipe), variant=variant, lake_url=home.lake_url, logs=str(home.logs)),
        "encoder": EncoderResource(recipe=str(home.recipe), variant=variant),
        "progress": ProgressResource(),
    }
    return dg.Definitions(
        assets=with_link(with_freshness(build_assets(recipe), fresh_hours()), health_url()),
        asset_checks=build_checks(recipe),
        jobs=build_jobs(recipe.name),
        sensors=[build_night(home), build_catalog_watch(home), build_alerts(home, recipe.name), build_lost_runs()],
        executor=step_executor(),
        resources={**resources, **(resource_overrides or {})},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev`, `dg` and the code servers load."""
    return build_defs()
