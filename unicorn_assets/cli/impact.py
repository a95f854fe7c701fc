"""`unicorn impact`: what a change would change, and what that costs."""

from typing import TYPE_CHECKING, Annotated

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
)
from unicorn_assets.cli.lineage import recipe_of
from unicorn_assets.errors import UserError
from unicorn_assets.home import find_home

if TYPE_CHECKING:
    from unicorn_assets.lineage.impact import Impact
    from unicorn_assets.lineage.rejudge import Estimate

SHOWN_SHARDS = 8


@app.command()
@for_people
def impact(
    prompt: Annotated[str | None, typer.Option("--prompt", help="A prompt's name, or its name and hash")] = None,
    model: Annotated[str | None, typer.Option("--model", help="A model, as the column `model` has it")] = None,
    source: Annotated[str | None, typer.Option("--source", help="A source of the recipe")] = None,
    seed: Annotated[str | None, typer.Option("--seed", metavar="ID", help="A seed_id")] = None,
    gate: Annotated[
        str | None, typer.Option("--gate", metavar="G=VALUE", help="A gate, such as captions.min_words=60")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="With --gate: judge every row, and no sample")] = False,
    as_json: JsonOption = False,
    recipe: RecipeOption = None,
    lake: LakeOption = None,
    home: HomeOption = None,
) -> None:
    """Which rows, shards and releases a change touches, and its price in calls. Asks nobody, changes nothing."""
    from unicorn_assets.lineage import impact as impacts
    from unicorn_assets.lineage.redrift import SAMPLE as READ
    from unicorn_assets.lineage.redrift import rejudge_drift
    from unicorn_assets.lineage.rejudge import DRIFT, SAMPLE, Gate, rejudge

    given = {"prompt": prompt, "model": model, "source": source, "seed": seed, "gate": gate}
    named = {kind: name for kind, name in given.items() if name is not None}
    if len(named) != 1:
        raise UserError("say one change", "--prompt NAME, --model M, --source S, --seed ID or --gate G=VALUE")
    if every and gate is None:
        raise UserError("--all goes with --gate", "the other changes are counted over all rows anyway")
    place = find_home(home, lake, recipe)
    store = lake_of(place)
    if gate is None:
        ((kind, name),) = named.items()
        found = impacts.impact(store, kind, name)
    else:
        known = recipe_of(store, place, needed=True)
        assert known is not None
        changed = Gate.parse(gate, known)
        if changed.part == DRIFT:
            judged = rejudge_drift(store, known, changed, None if every else READ)
        else:
            judged = rejudge(store, place.recipe, changed, None if every else SAMPLE)
        found = impacts.of_gate(store, judged)
    if as_json:
        return print_json(found.to_dict())
    _show(found)
    return None


def _show(found: "Impact") -> None:
    if found.gate is not None:
        judged = Table(title=f"{found.gate.judged:,} of {found.gate.rows:,} rows judged again", title_justify="left")
        for name in ("of the rows", "rows", "95 % interval", "such as"):
            judged.add_column(name, justify="right" if name in ("rows", "95 % interval") else "left", overflow="fold")
        for kind, estimate in found.gate.outcomes.items():
            examples = ", ".join(found.gate.examples.get(kind, []))
            judged.add_row(kind, f"{estimate.rows:,}", _interval(estimate), examples)
        for reason, estimate in found.gate.reasons.items():
            judged.add_row(f"  refused: {reason}", f"{estimate.rows:,}", _interval(estimate), "")
        out.print(judged)
    table = Table(title=found.change, title_justify="left", header_style="bold")
    for name in ("table", "rows", "shards", "calls", "tokens", "USD"):
        table.add_column(name, justify="left" if name == "table" else "right")
    for name, each in found.tables.items():
        calls = "" if each.calls is None else f"{each.calls:,}"
        tokens = "" if each.tokens is None else f"{each.tokens:,}"
        table.add_row(
            name, f"{each.rows:,}", f"{each.shards:,}", calls, tokens, "" if each.usd is None else f"{each.usd:,.4f}"
        )
    out.print(table)
    shards = ", ".join(found.shards[:SHOWN_SHARDS])
    more = f" and {len(found.shards) - SHOWN_SHARDS:,} more" if len(found.shards) > SHOWN_SHARDS else ""
    out.print(f"shards: {shards or 'none'}{more}", soft_wrap=True, highlight=False)
    for release in found.releases:
        which = "the latest" if release["latest"] else "an earlier one"
        out.print(
            f"release {release['release']} ({which}): {release['shards']:,} of its {release['of_shards']:,} shards",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
    for note in found.notes:
        out.print(note, soft_wrap=True, highlight=False)


def _interval(estimate: "Estimate") -> str:
    return "" if estimate.low == estimate.high else f"{estimate.low:,} to {estimate.high:,}"
