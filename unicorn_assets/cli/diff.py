"""`unicorn diff`: what two releases differ in, and why."""

from typing import Annotated

import typer
from rich.table import Table

from unicorn_assets.cli.common import HomeOption, JsonOption, LakeOption, app, for_people, lake_of, out, print_json
from unicorn_assets.home import find_home

NAMED = "NAME (its latest version), NAME@VERSION, or the folder of a release"


@app.command()
@for_people
def diff(
    release_a: Annotated[str, typer.Argument(metavar="RELEASE_A", help=NAMED)],
    release_b: Annotated[str, typer.Argument(metavar="RELEASE_B", help="Likewise: what came after")],
    as_json: JsonOption = False,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """Rows that are in one of two releases only, rows that changed, and why."""
    from unicorn_assets.lineage.diff import diff as compare

    found = compare(lake_of(find_home(home, lake)), release_a, release_b)
    if as_json:
        return print_json(found.to_dict())
    table = Table(title=f"{found.a} -> {found.b}", title_justify="left", header_style="bold")
    for name in ("rows", "", "why", "such as"):
        table.add_column(name, justify="right" if name == "rows" else "left", overflow="fold")
    table.add_row(f"{found.rows_a:,}", "before", "", "")
    for words, part in (("in", found.rows_in), ("out", found.rows_out), ("changed", found.changed)):
        for reason, each in part.items():
            table.add_row(f"{each.rows:,}", words, reason, ", ".join(each.samples))
    table.add_row(f"{found.same:,}", "unchanged", "", "")
    table.add_row(f"{found.rows_b:,}", "after", "", "")
    out.print(table)
    return None
