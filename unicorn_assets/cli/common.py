"""What all commands share: the Typer app, common options, wording of errors, printing JSON.

Exit codes: 0 done; 1 a run or a check failed; 2 something the user can mend; 3 the recipe's `llm.budget` is reached,
everything finished is kept; 130 interrupted.
"""

import os
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer
from rich.text import Text
from typer.core import TyperGroup

from unicorn_assets.ending import INTERRUPTED, told_to_end
from unicorn_assets.errors import MachineError, UserError, machine_error, store_error
from unicorn_assets.home import Home
from unicorn_assets.redaction import redact
from unicorn_assets.stream import Stream
from unicorn_assets.terminal.console import err, guarded, out, plain, print_json

__all__ = ["app", "err", "for_people", "labelled", "lake_of", "out", "print_json"]

TRACE = "UNICORN_TRACE"
"""Environment variable that asks for the trace of a fault of the program."""


class Commands(TyperGroup):
    """The command line as a whole: whatever happens in it ends in words and an exit code."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run a command; all that is printed on the way is cleaned."""
        standalone = options.pop("standalone_mode", True)
        with guarded():
            code = self._ended(*arguments, **options)
        if standalone:
            sys.exit(code)
        return code

    def _ended(self, *arguments: Any, **options: Any) -> int:
        options["standalone_mode"] = False
        try:
            code = super().main(*arguments, **options)
        except KeyboardInterrupt:  # before or behind a command's own work
            return _interrupted()
        except typer.Abort:
            say_error("stopped")
            return 1
        except Exception as error:
            if hasattr(error, "format_message"):  # the command line itself was wrong
                return _usage(error)
            return _interrupted() if told_to_end() else _fault(error)
        return code if isinstance(code, int) else 0


app = typer.Typer(
    name="unicorn", cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None,  # texts with brackets are texts; and typer's own consoles would go past ours
    context_settings={"max_content_width": 120},
    help="Training data for vision-language models from text alone.",
)  # fmt: skip
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
    """A command whose foreseeable errors are one line and exit code 2 (or the error's own).

    With `--json` the error is a JSON document on standard output as well.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except UserError as error:
            say_error(error.message, error.hint)
            if kwargs.get("as_json"):
                print_json({"error": error.message, "hint": error.hint, "exit_code": error.exit_code})
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(_interrupted()) from None

    return run


def _interrupted() -> int:
    err.print("interrupted; everything finished is kept, the same command continues")
    return INTERRUPTED


def say_error(message: str, hint: str = "") -> None:
    """What went wrong, and what to do, on standard error."""
    err.print(labelled("error", "bold red", message), soft_wrap=True)
    if hint:
        err.print(f"  -> {hint}", soft_wrap=True)


def labelled(label: str, style: str, words: str) -> Text:
    """A line that begins with a coloured word."""
    return Text.assemble((label, style), " ", plain(redact(words)))


def _usage(error: Any) -> int:
    """A wrong option or argument: one line, and where to read more. Called without anything, a command shows help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return int(error.exit_code)
    path = error.ctx.command_path if getattr(error, "ctx", None) else "unicorn"
    say_error(" ".join(error.format_message().split()), f"see {path} --help")
    return int(error.exit_code)


def _fault(error: Exception) -> int:
    """Nobody foresaw this error: one line that names the place, so that it can be reported."""
    refused = machine_error(error) or store_error(error)
    if refused is None and isinstance(error, OSError) and not isinstance(error, BrokenPipeError) and error.strerror:
        where = f": {error.filename}" if error.filename is not None else ""
        refused = MachineError(f"{error.strerror}{where}", "look at the path and its permissions")
    if refused is not None:
        say_error(refused.message, refused.hint)
        return refused.exit_code
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" ({Path(place[0].filename).name}:{place[0].lineno})" if place else ""
    words = " ".join(str(error).split())
    say_error(
        f"a fault of the program: {type(error).__name__}: {words[:500]}{where}",
        f"everything finished is kept; please report it, with the trace that {TRACE}=1 prints",
    )
    if os.environ.get(TRACE):
        err.print("".join(traceback.format_exception(error)), soft_wrap=True)
    return 1


def lake_of(place: Home, tells: bool = True):  # type: ignore[no-untyped-def]
    """The lake of a home, to look at. `tells`: a line on standard error for each damaged file that is met."""
    from unicorn_assets.lake.damage import Damage
    from unicorn_assets.lake.store import Lake

    events = Stream()
    if tells:
        events.subscribe(Damage, lambda damage: err.print(labelled("damaged", "yellow", str(damage)), soft_wrap=True))
    return Lake(place.lake_url, events=events)
