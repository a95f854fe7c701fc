"""`unicorn`: the command line for people. Every command is thin over the rooms it calls.

Exit codes: 0 done; 1 a run or a check failed; 2 something the user can mend; 130 interrupted.
"""

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console
from rich.markup import escape

from unicorn_assets.errors import UserError
from unicorn_assets.home import Home, find_home, remember

app = typer.Typer(
    name="unicorn", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Training data for vision-language models from text alone.",
)  # fmt: skip
out, err = Console(), Console(stderr=True)
P = ParamSpec("P")

HomeOption = Annotated[str | None, typer.Option("--home", help="Folder of lake, Dagster instance and logs [.unicorn]")]
LakeOption = Annotated[str | None, typer.Option("--lake", help="Lake: a folder or s3://bucket/prefix [HOME/lake]")]
RecipeOption = Annotated[str | None, typer.Option("--recipe", help="Recipe file [the last one used, else the demo]")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON")]


def for_people(command: Callable[P, None]) -> Callable[P, None]:
    """A command whose foreseeable errors are one line and exit code 2."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except UserError as error:
            err.print(f"[bold red]error[/] {escape(error.message)}", highlight=False, soft_wrap=True)
            if error.hint:
                err.print(f"  -> {escape(error.hint)}", highlight=False, soft_wrap=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            err.print("interrupted; everything finished is kept, the same command continues")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    return run


@app.command()
@for_people
def run(
    recipe: RecipeOption = None,
    lake: LakeOption = None,
    shards: Annotated[str | None, typer.Option("--shards", help="Only these shards, separated by commas")] = None,
    home: HomeOption = None,
) -> None:
    """Bring a data set up to date: seeds, captions, instructions, embeddings, transfer, releases."""
    from unicorn_assets.lake.owner import claim
    from unicorn_assets.recipe_file import load_recipe

    place = find_home(home, lake, recipe)
    loaded = load_recipe(place.recipe)
    chosen = [key.strip() for key in shards.split(",") if key.strip()] if shards else None
    store = _lake(place)
    claim(store, loaded.name)
    remember(place)

    from unicorn_assets.automation.local_run import run_graph
    from unicorn_assets.terminal.bars import shown_on
    from unicorn_assets.terminal.report import gather
    from unicorn_assets.terminal.tables import gap_table, report_table
    from unicorn_assets.terminal.timing import Timed

    with shown_on(out) as listener:
        timed = Timed(listener)
        outcome = run_graph(place, timed, chosen)
    report = gather(store)
    out.print(report_table(report, timed.seconds))
    gaps = gap_table(report)
    if gaps is not None:
        out.print(gaps)
    for warning in outcome.warnings:
        out.print(f"[yellow]warning[/] {escape(warning)}", soft_wrap=True)
    if outcome.problems:
        for problem in outcome.problems:
            err.print(f"[bold red]failed[/] {escape(problem)}", highlight=False, soft_wrap=True)
        err.print("everything finished is kept; mend the cause and run the same command again")
        raise typer.Exit(1)
    asked = sum(counters["tokens"] for counters in timed.counters.values())
    out.print(f"asked the LLM for {asked:,} tokens in this run", highlight=False)
    for name, path in report.releases.items():
        out.print(f"release {name}: {path}", soft_wrap=True, highlight=False)
    first = store.read_many("captions", report.wanted_shards[:1], ["caption_id"])["caption_id"]
    is_usual = place.root == find_home().root
    elsewhere = "" if is_usual else f" --home {home}"
    example = f" or: .venv/bin/unicorn lineage {first[0]}{elsewhere}" if len(first) else ""
    out.print(f"next: {'make ui' if is_usual else 'unicorn ui' + elsewhere}{example}", highlight=False, soft_wrap=True)


@app.command()
@for_people
def status(as_json: JsonOption = False, lake: LakeOption = None, home: HomeOption = None) -> None:
    """What the lake holds: shards, rows, quarantine by reason, gap, releases."""
    from unicorn_assets.terminal.report import gather
    from unicorn_assets.terminal.tables import gap_table, report_table

    report = gather(_lake(find_home(home, lake)))
    if as_json:
        return _print_json(report.to_dict())
    out.print(report_table(report))
    gaps = gap_table(report)
    if gaps is not None:
        out.print(gaps)
    for name, path in report.releases.items():
        out.print(f"release {name}: {path}", soft_wrap=True, highlight=False)
    return None


@app.command()
@for_people
def show(
    table: Annotated[
        str, typer.Argument(help="captions, instructions, quarantine, ... or a SQL query that starts with select")
    ],
    rows: Annotated[int, typer.Option("--rows", help="How many rows", min=1)] = 10,
    where: Annotated[str | None, typer.Option("--where", help='SQL condition, such as "words > 80"')] = None,
    as_json: JsonOption = False,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """Rows of a table of the lake, by DuckDB."""
    from unicorn_assets.lake.browse import browse
    from unicorn_assets.terminal.tables import row_blocks

    frame = browse(_lake(find_home(home, lake)), table, rows, where)
    if as_json:
        return _print_json(frame.to_dicts())
    for block in row_blocks(frame):
        out.print(block)
    out.print(f"{frame.height} rows of {table}", highlight=False)
    return None


@app.command()
@for_people
def lineage(
    row_id: Annotated[str, typer.Argument(metavar="ID", help="seed_id, caption_id or instruction_id")],
    as_json: JsonOption = False,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """The whole chain of a row: from its source line to the releases that hold it."""
    from unicorn_assets.lake.lineage import trace
    from unicorn_assets.terminal.tables import lineage_tree

    found = trace(_lake(find_home(home, lake)), row_id)
    if as_json:
        return _print_json(found.to_dict())
    out.print(lineage_tree(found))
    return None


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
        _print_json([asdict(finding) for finding in findings])
    else:
        colours = {"ok": "green", "missing": "red", "note": "yellow"}
        for finding in findings:
            colour = colours[finding.state]
            out.print(f"[{colour}]{finding.state:>7}[/]  {finding.what:<15} {escape(finding.detail)}", highlight=False)
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
    from unicorn_assets.automation.local_run import local_instance
    from unicorn_assets.recipe_file import load_recipe

    place = find_home(home, lake, recipe)
    load_recipe(place.recipe)
    with local_instance(place):
        pass
    os.environ |= {
        "UNICORN_HOME": str(place.root), "UNICORN_LAKE": place.lake_url, "UNICORN_RECIPE": str(place.recipe),
    }  # fmt: skip
    arguments = ["-m", "dagster", "dev", "-m", "unicorn_assets.definitions", "-h", "127.0.0.1", "-p", str(port)]
    out.print(f"Dagster UI: http://127.0.0.1:{port} (Ctrl-C ends it)", highlight=False)
    os.execv(sys.executable, [sys.executable, *arguments])


def _lake(place: Home):  # type: ignore[no-untyped-def]
    from unicorn_assets.lake.store import Lake

    return Lake(place.lake_url)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def main() -> None:
    """Entry point of the `unicorn` script."""
    app()
