"""`unicorn doctor` and `ui`: this machine, and the Dagster UI on it."""

import os
import sys
from typing import Annotated

import typer
from rich.text import Text

from unicorn_assets.cli.common import HomeOption, JsonOption, LakeOption, RecipeOption, app, for_people, out, print_json
from unicorn_assets.home import Home, find_home
from unicorn_assets.redaction import redact
from unicorn_assets.terminal.console import plain


@app.command()
@for_people
def doctor(
    as_json: JsonOption = False, lake: LakeOption = None, recipe: RecipeOption = None, home: HomeOption = None
) -> None:
    """What works on this machine, and what to install for the rest."""
    from dataclasses import asdict

    from unicorn_assets.terminal.doctor import examine

    findings = examine(find_home(home, lake, recipe))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        colours = {"ok": "green", "missing": "red", "note": "yellow"}
        for finding in findings:
            colour = colours[finding.state]
            words = f"  {finding.what:<15} {plain(redact(finding.detail))}"
            out.print(Text.assemble((f"{finding.state:>7}", colour), words))
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)


@app.command()
@for_people
def ui(
    port: Annotated[int, typer.Option("--port", help="Port on 127.0.0.1")] = 3000,
    recipe: RecipeOption = None,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """The Dagster UI on 127.0.0.1 over this home's lake and instance. Ctrl-C ends it."""
    from unicorn_assets.automation.health_link import URL
    from unicorn_assets.automation.local_run import local_instance
    from unicorn_assets.automation.origin import write_workspace
    from unicorn_assets.recipe_file import load_recipe

    place = find_home(home, lake, recipe)
    data_set = load_recipe(place.recipe).name
    os.environ |= {
        "UNICORN_HOME": str(place.root), "UNICORN_LAKE": place.lake_url, "UNICORN_RECIPE": str(place.recipe),
        URL: os.environ.get(URL) or _served(place),
        "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1",  # as in deploy/Dockerfile
    }  # fmt: skip
    with local_instance(place):
        workspace = write_workspace(place.dagster, data_set)
    arguments = ["-m", "dagster", "dev", "-w", str(workspace), "-h", "127.0.0.1", "-p", str(port)]
    out.print(f"Dagster UI: http://127.0.0.1:{port} (Ctrl-C ends it)", highlight=False)
    out.print(f"is the data good? {os.environ[URL]}", highlight=False)
    os.execv(sys.executable, [sys.executable, *arguments])


def _served(place: Home) -> str:
    """Where a process of its own, which ends with this one, serves the page about the lake's health."""
    from unicorn_assets.cli.serve import ends_with, server_of

    server = server_of(place, 0)  # a port that nobody uses
    parent = os.getpid()
    if os.fork() == 0:
        try:
            ends_with(parent)
            server.serve_forever()
        finally:
            os._exit(0)
    server.server_close()
    return f"http://127.0.0.1:{server.server_port}"
