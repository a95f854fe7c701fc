"""`unicorn benchmarks`: what a recipe's benchmarks can be tested for, and what of them was found."""

import re
from typing import Annotated

import typer
from rich.table import Table

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
)  # fmt: skip
from unicorn_assets.home import find_home

_NAME = re.compile(r" of ([a-z0-9-]+)$")


@app.command()
@for_people
def benchmarks(
    recipe: RecipeOption = None,
    text: Annotated[str | None, typer.Option(help="Also say which item this text holds")] = None,
    as_json: JsonOption = False,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """Benchmarks of the recipe: items, the share that is long enough to be found, rows that were refused for them."""
    from unicorn_assets.curation.leaks import Leaks
    from unicorn_assets.lake.query import connect, fetch
    from unicorn_assets.recipe_file import load_recipe
    from unicorn_assets.seeds.benchmarks import read_benchmarks

    place = find_home(home, lake, recipe)
    known = load_recipe(place.recipe)
    items, _ = read_benchmarks(known)
    leaks = Leaks(items)
    refused: dict[str, int] = {}
    rows = fetch(connect(lake_of(place)), "SELECT detail FROM quarantine WHERE reason = 'leaked'")
    for detail in rows["detail"]:
        if match := _NAME.search(detail):
            refused[match[1]] = refused.get(match[1], 0) + 1
    found = {
        each.name: {
            "items": sum(item.benchmark == each.name for item in items),
            "testable": round(leaks.tested.get(each.name, 0.0), 4),
            "refused": refused.get(each.name, 0),
        }
        for each in known.benchmarks
    }
    leak = leaks.in_text(text) if text else None
    if as_json:
        return print_json({"benchmarks": found, **({"text": str(leak) if leak else None} if text else {})})
    if not found:
        out.print("the recipe names no benchmarks (docs/leaks.md)")
        return None
    table = Table(header_style="bold")
    for name in ("benchmark", "items", "long enough", "rows refused"):
        table.add_column(name, justify="left" if name == "benchmark" else "right")
    for name, each in found.items():
        table.add_row(name, f"{each['items']:,}", f"{each['testable']:.1%}", f"{each['refused']:,}")
    out.print(table)
    if text:
        out.print(f"the text {leak}" if leak else "the text holds no item", highlight=False, soft_wrap=True)
    return None
