"""`unicorn status` and `show`: what a lake holds."""

from pathlib import Path
from typing import Annotated

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
from unicorn_assets.home import find_home
from unicorn_assets.redaction import redact_known


@app.command()
@for_people
def status(
    html: Annotated[str | None, typer.Option("--html", metavar="FILE", help="Also write a page with all of it")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Believe what files say of themselves, without reading them")
    ] = False,
    serve: Annotated[
        int | None,
        typer.Option(
            "--serve", metavar="PORT", min=0, max=65535, help="Only serve the page on this port, until Ctrl-C"
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to serve on")] = "127.0.0.1",
    as_json: JsonOption = False,
    recipe: RecipeOption = None,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """What the lake holds, and whether it is good: every shard's state, rows, quarantine by reason, gap, releases."""
    from unicorn_assets.cli.page import page_text, wanted_here, write_page
    from unicorn_assets.health import health
    from unicorn_assets.terminal.health import health_lines
    from unicorn_assets.terminal.report import gather
    from unicorn_assets.terminal.tables import damage_lines, gap_page, gap_table, journal_line, report_table

    place = find_home(home, lake, recipe)
    if serve is not None:
        from unicorn_assets.cli.serve import server_of

        with server_of(place, serve, host) as server:
            out.print(f"http://{host}:{server.server_port} (Ctrl-C ends it)", highlight=False)
            server.serve_forever()
    store = lake_of(place, tells=False)
    wanted, not_compared = wanted_here(place, store, quick)
    states = health(store, deep=not quick, wanted=wanted)
    report = gather(store)
    if html is not None:
        write_page(page_text(place, store, report, states, not_compared), Path(html))
    if as_json:
        return print_json(report.to_dict() | {"health": states.to_dict(), "not_compared": not_compared})
    out.print(report_table(report))
    for words in health_lines(states, out.width):
        out.print(words, soft_wrap=True)
    if not_compared:
        out.print(not_compared, soft_wrap=True, highlight=False)
    gaps = gap_table(report)
    if gaps is not None:
        out.print(gaps)
        out.print(gap_page(report), soft_wrap=True, highlight=False)
    for name, path in report.releases.items():
        out.print(f"release {name}: {path}", soft_wrap=True, highlight=False)
    aside = journal_line(report)
    if aside is not None:
        out.print(aside, soft_wrap=True, highlight=False)
    for line in damage_lines(report):
        out.print(line, soft_wrap=True, highlight=False)
    if html is not None:
        out.print(f"page: {html}", soft_wrap=True, highlight=False)
    return None


@app.command()
@for_people
def show(
    table: Annotated[
        str, typer.Argument(help="captions, instructions, quarantine, ... or a SQL query that starts with select")
    ],
    rows: Annotated[int, typer.Option("--rows", help="How many rows", min=1, max=100_000)] = 10,
    where: Annotated[str | None, typer.Option("--where", help='SQL condition, such as "words > 80"')] = None,
    as_json: JsonOption = False,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """Rows of a table of the lake, by DuckDB."""
    from unicorn_assets.lake.browse import browse
    from unicorn_assets.terminal.tables import row_blocks

    frame = browse(lake_of(find_home(home, lake)), table, rows, where)
    if as_json:
        return print_json(frame.to_dicts(), redact_known)
    for block in row_blocks(frame):
        out.print(block)
    out.print(f"{frame.height} rows of {table}", highlight=False)
    return None
