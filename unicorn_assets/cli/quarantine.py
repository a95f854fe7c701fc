"""`unicorn quarantine`: what was refused and why; `unicorn quarantine retry`: ask again for some of it."""

from typing import Annotated

import typer
from rich.table import Table

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
)  # fmt: skip
from unicorn_assets.cli.run import run as run_all
from unicorn_assets.errors import UserError
from unicorn_assets.home import find_home
from unicorn_assets.redaction import redact_known

quarantine_app = typer.Typer(help="What was refused and why; `retry` asks again.")
app.add_typer(quarantine_app, name="quarantine")

StageOption = Annotated[str | None, typer.Option("--stage", help="Only this stage, such as caption_drafts")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Only this reason, such as too_short")]
ShardOption = Annotated[str | None, typer.Option("--shard", help="Only this shard")]


@quarantine_app.callback(invoke_without_command=True)
@for_people
def quarantine(
    context: typer.Context,
    stage: StageOption = None,
    reason: ReasonOption = None,
    shard: ShardOption = None,
    rows: Annotated[
        int, typer.Option("--rows", help="Show so many rows with answer, attempts, model and time", min=0)
    ] = 0,
    as_json: JsonOption = False,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """What was refused, by stage and reason, with an example each; `--rows N` shows rows."""
    if context.invoked_subcommand is not None:
        if stage or reason or shard or rows or as_json or lake or home:
            raise UserError("options belong behind the command", "unicorn quarantine retry --stage STAGE ...")
        return None
    from unicorn_assets.lake.quarantine import rows_of, summary
    from unicorn_assets.terminal.tables import row_blocks

    store = lake_of(find_home(home, lake))
    if rows or shard:
        frame = rows_of(store, rows or 10, stage, reason, shard)
        if as_json:
            return print_json(frame.to_dicts(), redact_known)
        for block in row_blocks(frame):
            out.print(block)
        out.print(f"{frame.height} rows in quarantine shown", highlight=False)
        return None
    groups = summary(store, stage, reason)
    if as_json:
        return print_json([group.to_dict() for group in groups])
    if not groups:
        out.print("nothing is in quarantine")
        return None
    table = Table(title=f"quarantine of {store.url}", title_justify="left", header_style="bold")
    for name in ("stage", "reason", "rows", "share", "example", "detail"):
        table.add_column(name, justify="right" if name in ("rows", "share") else "left", overflow="fold")
    for group in groups:
        figures = f"{group.rows:,}", f"{group.share:.1%}"
        table.add_row(group.stage, group.reason, *figures, group.example_id, short(group.example_detail))
    out.print(table)
    if any(group.can_retry for group in groups):
        out.print("ask again: unicorn quarantine retry --stage STAGE --reason REASON", highlight=False)
    for told, instead in {group.instead: group for group in groups if group.instead}.items():
        out.print(f"{instead.stage} {instead.reason}: no retry; {told}", highlight=False, soft_wrap=True)
    return None


def short(detail: str, most: int = 220) -> str:
    """Both ends of a long detail: at its end stands what helps, such as that a seed does not read as English."""
    return (
        detail if len(detail) <= most else f"{detail[: most // 2 - 2].rstrip()} … {detail[-most // 2 + 1 :].lstrip()}"
    )


@quarantine_app.command()
@for_people
def retry(
    stage: StageOption = None,
    reason: ReasonOption = None,
    shard: ShardOption = None,
    drafts: Annotated[int, typer.Option("--drafts", help="Further drafts for each row", min=1, max=1000)] = 2,
    no_run: Annotated[bool, typer.Option("--no-run", help="Only note it; the next run asks")] = False,
    recipe: RecipeOption = None,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """Grant quarantined rows further drafts and bring the data set up to date; what is current is left alone."""
    from unicorn_assets.lake.quarantine import redrive

    chosen = redrive(lake_of(find_home(home, lake, recipe)), stage, reason, shard, drafts)
    rows, shards = sum(part.rows for part in chosen), len({part.shard for part in chosen})
    stages = ", ".join(dict.fromkeys(part.stage for part in chosen))
    words = f"{rows:,} rows of {stages} in {shards:,} shards get up to {drafts} further drafts each"
    out.print(words, highlight=False, soft_wrap=True)
    if no_run:
        keys = ",".join(dict.fromkeys(part.shard for part in chosen))
        out.print(f"ask now: unicorn run, or only these: unicorn run --shards {keys}", highlight=False, soft_wrap=True)
        return
    run_all(recipe=recipe, lake=lake, shards=None, home=home)
