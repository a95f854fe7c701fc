"""`unicorn sql`: the lake as views, for whoever knows SQL."""

import csv
import io
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from unicorn_assets.cli.common import (
    HomeOption,
    JsonOption,
    LakeOption,
    app,
    for_people,
    lake_of,
    out,
    print_json,
    say_error,
)
from unicorn_assets.errors import UserError
from unicorn_assets.home import find_home
from unicorn_assets.redaction import redact_known
from unicorn_assets.terminal.console import plain, to_json

if TYPE_CHECKING:
    import polars as pl

    from unicorn_assets.lake.store import Lake

SHOWN_ROWS, SHOWN_CHARACTERS = 50, 300
"""Of a result in the terminal; --json and --csv print all of it."""


@app.command()
@for_people
def sql(
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="One SELECT over the views")] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV")] = False,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """DuckDB over the lake: a view for each table, the journal, releases and verdicts. Without a query: the views."""
    from unicorn_assets.lineage.views import query as ask

    if as_json and as_csv:
        raise UserError("--json and --csv are two forms of one result", "give one of them")
    store = lake_of(find_home(home, lake))
    if query is None:
        _list(as_json)
        if not as_json and sys.stdin is not None and sys.stdin.isatty():
            _prompt(store)
        return
    frame = ask(store, query)
    if as_json:
        print_json(frame.to_dicts(), redact_known)
    elif as_csv:
        out.print(_csv(frame), soft_wrap=True, end="")
    else:
        _show(frame)


def _list(as_json: bool) -> None:
    from unicorn_assets.lineage.views import views

    if as_json:
        return print_json([
            {"view": view.name, "about": view.about,
             "columns": {name: {"type": str(each.dtype), "about": each.about} for name, each in view.columns.items()}}
            for view in views()
        ])  # fmt: skip
    table = Table(title="views; `unicorn sql --json` says what each column holds", title_justify="left")
    for name in ("view", "what a row is", "columns"):
        table.add_column(name, overflow="fold")
    for view in views():
        table.add_row(view.name, view.about, ", ".join(view.columns))
    out.print(table)
    return None


def _prompt(store: "Lake") -> None:
    """Query after query until an empty line or the end of the input."""
    from unicorn_assets.lineage.views import query as ask

    while True:
        try:
            text = input("sql> ").strip()
        except EOFError:
            return
        if text.lower().rstrip(";") in ("", "exit", "quit"):
            return
        try:
            _show(ask(store, text))
        except UserError as error:
            say_error(error.message, error.hint)


def _show(frame: "pl.DataFrame") -> None:
    table = Table(header_style="bold")
    for name, dtype in frame.schema.items():
        table.add_column(plain(name), overflow="fold", justify="right" if dtype.is_numeric() else "left")
    for row in frame.head(SHOWN_ROWS).iter_rows():
        table.add_row(*(plain(_short(redact_known(_words(cell)))) for cell in row))
    out.print(table)
    rest = f", the first {SHOWN_ROWS} shown; --json and --csv print all" if frame.height > SHOWN_ROWS else ""
    out.print(f"{frame.height:,} rows{rest}", highlight=False)


def _csv(frame: "pl.DataFrame") -> str:
    """RFC 4180 with a header; lists and structs as JSON, null as nothing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows([[redact_known(_words(cell)) for cell in row] for row in frame.iter_rows()])
    return text.getvalue()


def _words(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, list | dict | tuple):
        return json.dumps(to_json(cell, redact_known), ensure_ascii=False)
    return str(cell)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
