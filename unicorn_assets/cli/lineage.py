"""`unicorn lineage`: where a row comes from and where it went."""

from typing import TYPE_CHECKING, Annotated

import typer

from unicorn_assets.cli.common import (
    HomeOption,
    JsonOption,
    LakeOption,
    RecipeOption,
    app,
    for_people,
    lake_of,
    out,
    print_json,
)
from unicorn_assets.home import Home, find_home

if TYPE_CHECKING:
    from unicorn_assets.lake.store import Lake
    from unicorn_assets.recipe import Recipe

IDS = "seed_id, caption_id, instruction_id, FILE:ROW, RELEASE[@VERSION]:NUMBER, a journal key or a shard"


@app.command()
@for_people
def lineage(
    row_id: Annotated[str, typer.Argument(metavar="ID", help=IDS)],
    as_json: JsonOption = False,
    recipe: RecipeOption = None,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """The whole chain of a row: source line, prompt, all drafts and refusals, checks, vectors, releases."""
    from unicorn_assets.lake.lineage import trace
    from unicorn_assets.lineage.drafts import RowDrafts
    from unicorn_assets.terminal.lineage import lineage_tree

    place = find_home(home, lake, recipe)
    store = lake_of(place)
    with RowDrafts(store, recipe_of(store, place, needed=recipe is not None)) as drafts:
        found = trace(store, row_id, drafts)
    if as_json:
        return print_json(found.to_dict())
    out.print(lineage_tree(found))
    return None


def recipe_of(lake: "Lake", place: Home, *, needed: bool) -> "Recipe | None":
    """The recipe that the lake's data are of. Unless it is `needed`, None when the one at hand is another or cannot be
    read: a lake can be looked at without.
    """
    from unicorn_assets.errors import UserError
    from unicorn_assets.lake.owner import owner
    from unicorn_assets.recipe_file import load_recipe

    try:
        recipe, name = load_recipe(place.recipe, files_exist=False), owner(lake)
        if name is not None and name != recipe.name:
            raise UserError(
                f"the lake {lake.url} holds the data of recipe {name!r}, {place.recipe} is {recipe.name!r}",
                "name the lake's own recipe: --recipe FILE",
            )
    except UserError:
        if needed:
            raise
        return None
    return recipe
