"""`unicorn verify`: is every file of the lake and of its releases what was written?"""

from typing import Annotated

import typer

from unicorn_assets.cli.common import (
    HomeOption,
    JsonOption,
    LakeOption,
    app,
    err,
    for_people,
    labelled,
    lake_of,
    out,
    print_json,
)  # fmt: skip
from unicorn_assets.home import find_home


@app.command()
@for_people
def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Set damaged files aside, so that the next run makes them again")
    ] = False,
    as_json: JsonOption = False,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """Whether each file of the lake and its releases is what was written. Exit 1 when something is damaged."""
    from unicorn_assets.checkup import examine

    with err.status("0 files") as shown:
        seen = 0

        def on_file() -> None:
            nonlocal seen
            seen += 1
            if seen % 20 == 0:
                shown.update(f"{seen:,} files")

        found = examine(lake_of(find_home(home, lake), tells=False), repair, on_file)
    if as_json:
        print_json(found.to_dict())
    else:
        for each in found.findings:
            out.print(labelled("damaged", "bold red", f"{each.name}: {each.reason}; {each.remedy}"), soft_wrap=True)
        state = f"{len(found.findings):,} damaged" if found.findings else "all as they were written"
        out.print(f"{found.files:,} files read, {found.bytes / 1e6:,.1f} MB: {state}", highlight=False)
        if found.unsealed:
            out.print(
                f"{found.unsealed:,} files are of before files were sealed: their rows were checked, their figures not",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
        if found.leftovers:
            what = "were removed" if repair else "lie about; `unicorn verify --repair` removes them"
            out.print(f"{found.leftovers:,} files that killed writers left {what}", highlight=False, soft_wrap=True)
        if found.findings:
            what = "the next `unicorn run` makes them again" if repair else "`unicorn verify --repair` sets them aside"
            out.print(f"next: {what}", highlight=False)
    if found.findings:
        raise typer.Exit(1)
