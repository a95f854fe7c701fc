"""`unicorn diversity`: how varied a release is, beside the one before."""

from typing import Annotated

import typer
from rich.table import Table

from unicorn_assets.cli.common import HomeOption, JsonOption, LakeOption, app, for_people, lake_of, out, print_json
from unicorn_assets.home import find_home


@app.command()
@for_people
def diversity(
    release: Annotated[
        str, typer.Argument(metavar="RELEASE", help="NAME (its latest version), NAME@VERSION, or a release's folder")
    ] = "unicorn_1_2m",
    before: Annotated[
        str | None, typer.Argument(metavar="BEFORE", help="Likewise; by default the one written before it")
    ] = None,
    max_drop: Annotated[
        float | None, typer.Option(help="Exit 1 when a figure is worse than before by more than this share", min=0)
    ] = None,
    as_json: JsonOption = False,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """Figures of a release's diversity, and how they have changed since the release before."""
    from unicorn_assets.curation.diversity import ABOUT
    from unicorn_assets.lineage.diversity import trend

    found = trend(lake_of(find_home(home, lake)), release, before)
    if as_json:
        print_json(found.to_dict())
    else:
        title = f"{found.before_release} -> {found.release}" if found.before else found.release
        table = Table(title=title, title_justify="left", header_style="bold")
        for name in ("figure", "before", "now", "worse by", "what it is"):
            table.add_column(name, justify="left" if name in ("figure", "what it is") else "right", overflow="fold")
        for name, value in found.now.items():
            was, worse = found.before.get(name), found.worse.get(name)
            then = "" if was is None else f"{was:,.4g}"
            table.add_row(name, then, f"{value:,.4g}", "" if worse is None else f"{worse:+.1%}", ABOUT[name])
        out.print(table)
    if max_drop is not None and any(worse > max_drop for worse in found.worse.values()):
        raise typer.Exit(1)
