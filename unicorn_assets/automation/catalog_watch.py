"""A sensor that notices new rows, new files and new sources, and asks for a new catalog. Off until switched on.

A night reads the sources by itself; this is for those who want to see by day what the next night will make. It asks
once for each state of the sources.
"""

import dagster as dg

from unicorn_assets.automation.night import busy
from unicorn_assets.automation.night_settings import status_of
from unicorn_assets.errors import UserError
from unicorn_assets.home import Home
from unicorn_assets.ids import digest
from unicorn_assets.keys import asset_name
from unicorn_assets.lake.store import Lake
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.seeds.catalog import catalog_made
from unicorn_assets.seeds.listing import list_files

CATALOG = "seed_catalog"
SEEN = "seen "
"""Before what a look found and has not asked for yet."""


def _has_folders(recipe: Recipe) -> bool:
    return any(not list_files(recipe, source).is_one for source in recipe.sources if source.path is not None)


def build_catalog_watch(home: Home) -> dg.SensorDefinition:
    """The sensor for the recipe and lake of `home`."""

    @dg.sensor(
        name="new_sources",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=300,
        default_status=status_of("new_sources"),
        description="Asks for a new catalog when the sources hold something else than it was made of.",
    )
    def new_sources(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        assert context.repository_def is not None
        graph = context.repository_def.asset_graph
        keys = {asset_name(key): key for key in graph.get_all_asset_keys()}
        try:
            recipe = load_recipe(home.recipe)
            made = catalog_made(recipe)
        except UserError as error:
            return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
        info = Lake(home.lake_url).info(CATALOG)
        if info is not None and info.inputs == made.inputs:
            return dg.SensorResult(skip_reason="the catalog is of these sources", cursor=context.cursor)
        if waits := busy(context.instance, set(keys.values())):
            return dg.SensorResult(skip_reason=f"waits for {waits}", cursor=context.cursor)
        asked = digest([made.inputs, info.content if info else ""], 8)
        if _has_folders(recipe) and context.cursor not in (asked, f"{SEEN}{asked}"):  # files may still be written there
            return dg.SensorResult(skip_reason="new files; asks when the next look sees the same", cursor=SEEN + asked)
        if context.cursor == asked:  # it failed, or sources change while they are read: a person, or a night, goes on
            return dg.SensorResult(skip_reason="a catalog of these sources was asked for already", cursor=asked)
        request = dg.RunRequest(asset_selection=[keys[CATALOG]], tags={"unicorn/why": "the sources changed"})
        return dg.SensorResult(run_requests=[request], cursor=asked)

    return new_sources
