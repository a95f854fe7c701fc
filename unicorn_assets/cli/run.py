"""`unicorn run`: bring a data set up to date."""

import difflib
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from unicorn_assets.cli.common import HomeOption, LakeOption, RecipeOption, app, err, for_people, labelled, lake_of, out
from unicorn_assets.errors import UserError
from unicorn_assets.graph import ASSETS, Kind
from unicorn_assets.home import find_home, remember


@app.command()
@for_people
def run(
    recipe: RecipeOption = None,
    lake: LakeOption = None,
    shards: Annotated[str | None, typer.Option("--shards", help="Only these shards, separated by commas")] = None,
    force: Annotated[
        list[str] | None,
        typer.Option("--force", metavar="TABLE[/SHARD]", help="Make this anew although it is current; can be repeated"),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Bring a data set up to date: seeds, captions, instructions, embeddings, transfer, releases."""
    from unicorn_assets.lake.owner import claim
    from unicorn_assets.recipe_file import load_recipe

    place = find_home(home, lake, recipe)
    loaded = load_recipe(place.recipe)
    chosen = [key.strip() for key in shards.split(",") if key.strip()] if shards is not None else None
    if chosen == []:
        raise UserError("--shards names no shard", "give keys such as captions-00000, separated by commas")
    forced = _forced(force or [], chosen)
    store = lake_of(place, tells=False)
    claim(store, loaded.name)
    remember(place)

    from unicorn_assets.automation.local_run import run_graph
    from unicorn_assets.cli.page import PAGE, keep_last_run, page_text, wanted_here, write_page
    from unicorn_assets.health import health
    from unicorn_assets.health.page import summary
    from unicorn_assets.terminal.bars import shown_on
    from unicorn_assets.terminal.report import gather
    from unicorn_assets.terminal.tables import gap_page, gap_table, report_table
    from unicorn_assets.terminal.timing import Timed

    began = time.monotonic()
    with shown_on(out) as listener:
        timed = Timed(listener)
        outcome = run_graph(place, timed, chosen, forced)
    problems = [*outcome.problems, *outcome.elsewhere]
    code = (outcome.exit_code or 1) if problems else 0
    keep_last_run(place, time.monotonic() - began, code)
    wanted, not_compared = wanted_here(place, store)
    states = health(store, wanted=wanted)
    report = gather(store)
    write_page(page_text(place, store, report, states, not_compared), place.root / PAGE)
    out.print(report_table(report, timed.seconds))
    gaps = gap_table(report)
    if gaps is not None:
        out.print(gaps)
        out.print(gap_page(report), soft_wrap=True, highlight=False)
    for warning in outcome.warnings:
        out.print(labelled("warning", "yellow", warning), soft_wrap=True)
    out.print(f"is the data good? {summary(states)} See {place.root / PAGE}", soft_wrap=True, highlight=False)
    if problems:
        for problem in problems:
            err.print(labelled("failed", "bold red", problem), soft_wrap=True)
        err.print("everything finished is kept; mend the cause and run the same command again")
        raise typer.Exit(code)
    asked = sum(counters["tokens"] for counters in timed.counters.values())
    out.print(f"asked the LLM for {asked:,} tokens in this run", highlight=False)
    for name, path in report.releases.items():
        out.print(f"release {name}: {path}", soft_wrap=True, highlight=False)
    first = store.read_many("captions", report.wanted_shards[:1], ["caption_id"])["caption_id"]
    is_usual = place.root == find_home().root
    elsewhere = "" if is_usual else f" --home {home}"
    example = f" or: .venv/bin/unicorn lineage {first[0]}{elsewhere}" if len(first) else ""
    out.print(f"next: {'make ui' if is_usual else 'unicorn ui' + elsewhere}{example}", highlight=False, soft_wrap=True)


def _forced(force: Sequence[str], chosen: Sequence[str] | None) -> dict[str, list[str]]:
    """By asset the shards to make anew, `all` for each that is run. Whether a shard exists shows later."""
    found: dict[str, list[str]] = {}
    for each in force:
        table, _, shard = each.partition("/")
        asset = ASSETS.get(table)
        if asset is None:
            near = difflib.get_close_matches(table, list(ASSETS), 1)
            raise UserError(
                f"--force: there is no table {table!r}",
                f"did you mean {near[0]}?" if near else f"the tables are {', '.join(ASSETS)}",
            )
        if asset.kind is Kind.RELEASE:
            raise UserError(f"--force: {table} is a release, and a release never changes", "force what it is made of")
        if shard and not asset.by_shard:
            raise UserError(f"--force: {table} has no shards, it is one over all of them", f"give --force {table}")
        if shard and chosen is not None and shard not in chosen:
            raise UserError(f"--force: {shard!r} is not among --shards", "name it there as well")
        found.setdefault(table, []).append(shard or "all")
    return found
