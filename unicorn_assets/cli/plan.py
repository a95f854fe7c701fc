"""`unicorn plan`: what a run will cost, before it runs."""

from typing import Annotated

import typer

from unicorn_assets.cli.common import (
    HomeOption,
    JsonOption,
    LakeOption,
    RecipeOption,
    app,
    err,
    for_people,
    lake_of,
    out,
    print_json,
)
from unicorn_assets.errors import UserError
from unicorn_assets.home import find_home


@app.command()
@for_people
def plan(
    recipe: RecipeOption = None,
    sample: Annotated[
        int, typer.Option("--sample", help="Seeds to ask about; 0 asks nothing and gives upper bounds", min=0)
    ] = 20,
    rows: Annotated[
        list[str] | None, typer.Option("--rows", help="SOURCE=N: seeds of a source that is not there yet")
    ] = None,
    as_json: JsonOption = False,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """What a run will cost: calls, tokens, money, time. Asks a sample, whose answers the run reuses."""
    from unicorn_assets.generation.asking import Asker
    from unicorn_assets.lake.owner import claim
    from unicorn_assets.plan.make import make_plan
    from unicorn_assets.recipe_file import load_recipe
    from unicorn_assets.terminal.plan import plan_sentences, plan_table

    given = dict(_counted(one) for one in rows or ())
    place = find_home(home, lake, recipe)
    loaded, store = load_recipe(place.recipe), lake_of(place)
    claim(store, loaded.name)

    def told(stage: str, rows: int) -> None:
        if rows and not as_json:
            err.print(f"asking a sample: {rows} rows of {stage}", highlight=False)

    with Asker(loaded.llm, store.url, store.files, place.logs, loaded.folder, store.storage_options) as asker:
        found = make_plan(loaded, store, asker, sample, told, given)
    if as_json:
        return print_json(found.to_dict())
    out.print(plan_table(found))
    for sentence in plan_sentences(found):
        out.print(sentence, highlight=False, soft_wrap=True)
    return None


def _counted(given: str) -> tuple[str, int]:
    name, _, count = given.rpartition("=")
    if not name or not count.isascii() or not count.isdigit() or not 0 < int(count[:13]) < 10**12:
        raise UserError(f"--rows {given}: not of the form SOURCE=N", "for example --rows open-domain=1250000")
    return name, int(count)
