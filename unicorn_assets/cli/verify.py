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
from unicorn_assets.cli.diff import NAMED
from unicorn_assets.errors import UserError
from unicorn_assets.home import find_home


@app.command()
@for_people
def verify(
    release: Annotated[
        str | None,
        typer.Argument(metavar="[RELEASE]", help=f"Only this one: {NAMED}, or its s3://", show_default=False),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Set damaged files aside, so that the next run makes them again")
    ] = False,
    as_json: JsonOption = False,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """Whether each file of the lake and its releases is what was written; or all of one release, its rows and vectors
    too. Exit 1 when something is damaged."""
    from unicorn_assets.checkup import examine

    if release is not None:
        return _one_release(release, lake_of(find_home(home, lake), tells=False), repair, as_json)

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
    return None


def _one_release(name: str, lake, repair: bool, as_json: bool) -> None:  # type: ignore[no-untyped-def]
    from unicorn_assets.graph import RELEASES
    from unicorn_assets.lineage.diff import named
    from unicorn_assets.release import verify_release

    if repair:
        raise UserError(
            "a release is never repaired", "`unicorn verify --repair` sets it aside in its lake; cut it again"
        )
    place, options = name, lake.storage_options if "://" in name else None
    if name.partition("@")[0] in RELEASES:
        chosen = named(lake, name)
        place, options = chosen.files.url(chosen.folder), lake.storage_options
    problems = verify_release(place, options)
    if as_json:
        print_json({"release": place, "problems": problems})
    for problem in problems:
        out.print(labelled("damaged", "bold red", problem), soft_wrap=True)
    if problems:
        raise typer.Exit(1)
    if not as_json:
        out.print(f"{place}: all as it was written", highlight=False, soft_wrap=True)
