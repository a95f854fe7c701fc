"""What all commands share: the Typer app, common options, wording of errors, printing JSON.

Exit codes: 0 done; 1 a run or a check failed; 2 something the user can mend; 3 the recipe's `llm.budget` is reached,
everything finished is kept; 130 interrupted.
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
from unicorn_assets.home import Home

app = typer.Typer(
    name="unicorn", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Training data for vision-language models from text alone.",
)  # fmt: skip
out, err = Console(), Console(stderr=True)
P = ParamSpec("P")

# Defaults are told by show_default: words in square brackets within `help` are taken for markup and vanish.
HomeOption = Annotated[
    str | None, typer.Option("--home", help="Folder of lake, Dagster instance and logs", show_default=".unicorn")
]
LakeOption = Annotated[
    str | None, typer.Option("--lake", help="Lake: a folder or s3://bucket/prefix", show_default="HOME/lake")
]
RecipeOption = Annotated[
    str | None, typer.Option("--recipe", help="Recipe file", show_default="the last one used, else the demo")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON")]


def for_people(command: Callable[P, None]) -> Callable[P, None]:
    """A command whose foreseeable errors are one line and exit code 2 (or the error's own)."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except UserError as error:
            err.print(f"[bold red]error[/] {escape(error.message)}", highlight=False, soft_wrap=True)
            if error.hint:
                err.print(f"  -> {escape(error.hint)}", highlight=False, soft_wrap=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            err.print("interrupted; everything finished is kept, the same command continues")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    return run


def lake_of(place: Home):  # type: ignore[no-untyped-def]
    """The lake of a home."""
    from unicorn_assets.lake.store import Lake

    return Lake(place.lake_url)


def print_json(value: Any) -> None:
    """A value as JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")
