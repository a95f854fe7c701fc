"""A plan as tables and sentences for people. What the figures mean is in plan/."""

from collections.abc import Iterator

from rich import box
from rich.table import Table

from unicorn_assets.llm.spend.amount import Amount
from unicorn_assets.llm.spend.ledger import usd_text
from unicorn_assets.plan.estimate import Range
from unicorn_assets.plan.make import Plan, StagePlan

FITS = {
    "yes": "the plan fits",
    "perhaps": "the plan fits, the upper end of its interval does not",
    "no": "the plan does NOT fit",
    "unknown": "a larger sample would tell whether the plan fits",
}


def plan_table(plan: Plan) -> Table:
    """Rows and estimates of each stage, and the total; below each expected value its 95 % interval."""
    title = f"plan of {plan.recipe}: what a run still asks {plan.model}"
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    priced = plan.usd is not None or bool(plan.upper_bound and plan.upper_bound.usd)
    for name in ("stage", "have", "to ask", "sample", "calls", "prompt tokens", "completion", *(["USD"] * priced)):
        is_name = name == "stage"
        table.add_column(name, justify="left" if is_name else "right", no_wrap=is_name)
    for name, stage in plan.stages.items():
        table.add_row(name, *_cells(stage)[: 6 + priced])
    if plan.total is not None and plan.upper_bound is None:
        shown = [_range(plan.total[key]) for key in ("calls", "prompt_tokens", "completion_tokens")]
        table.add_row("total", "", "", "", *shown, *([_money(plan.usd)] * priced), style="bold")
    return table


def _cells(stage: StagePlan) -> list[str]:
    left, rest = stage.left, stage.rest
    have = f"{left.current + left.answered:,}" + ("" if left.rows is None else f" of {left.rows:,}")
    if rest is None:
        bound = stage.upper_bound or Amount()
        asked = "" if left.rows is None else f"{left.rest:,}"
        return [
            have,
            asked,
            "none",
            f"<= {bound.calls:,}",
            "",
            f"<= {bound.tokens:,} in all",
            f"<= {usd_text(bound.usd, 4)}",
        ]
    sample = f"{stage.sampled}" + ("" if stage.accepted_share is None else f"\n{stage.accepted_share:.0%} good")
    shown = [_range(rest[key]) for key in ("calls", "prompt_tokens", "completion_tokens")]
    return [have, _range(rest["rows"]), sample, *shown, _money(rest.get("usd"))]


def plan_sentences(plan: Plan) -> Iterator[str]:
    """What the table does not say: the sample, time, money, disk, budget."""
    asked, hours, bound, spent = plan.sample, plan.hours, plan.upper_bound, plan.spent
    if asked is not None:
        now = f"{asked['calls']:,} answers asked for now and kept for the run"
        yield f"sample: {asked['seeds']} seeds, {now}, {asked['from_journal']:,} were there already"
        if asked["calls"] and not asked["prompt_tokens"]:
            yield "tokens and money: unknown, the server's answers say no usage; a budget counts each with its most"
    if hours is not None:
        yield f"time: {_duration(hours.low)} to {_duration(hours.high)} by the clock, at the sample's speed"
        if plan.gpus:
            yield f"GPU-hours on {plan.gpus} GPUs: {hours.low * plan.gpus:,.2f} to {hours.high * plan.gpus:,.2f}"
    if plan.gpu_usd is not None:
        yield f"money by llm.gpu_hour_usd: {_money(plan.gpu_usd, ', ')} USD"
    if plan.usd is not None:
        yield f"money by llm.price: {_money(plan.usd, ', ')} USD"
    elif plan.gpu_usd is None:
        yield "money: unknown, the recipe has neither llm.price nor llm.gpu_hour_usd"
    if bound is not None:
        usd = f", {usd_text(bound.usd, 4)} USD" if bound.usd else ""
        yield f"upper bound where nothing was sampled: {bound.calls:,} calls, {bound.tokens:,} tokens{usd}"
    if plan.disk_bytes is not None:
        vectors = "the vectors of stage 3 add 4 bytes x dimension per caption"
        yield f"disk: about {_bytes(plan.disk_bytes)} of tables and journal; {vectors}"
    usd = f", {usd_text(spent.usd)} USD" if spent.usd else ""
    yield f"spent so far over this lake: {spent.calls:,} calls, {spent.tokens:,} tokens{usd}"
    if plan.gates_off:
        yield f"gates that are off, for they know English alone: {'; '.join(plan.gates_off)}"
    if plan.drift_unread:
        yield f"drift was not looked at, and what it will refuse is counted as kept: {plan.drift_unread}"
    for name, figures in (plan.budget or {}).items():
        yield f"budget: {max(0, figures['left']):,.6g} of {figures['limit']:,.6g} {name} left: {FITS[figures['fits']]}"
    for kind, found in plan.own_budgets.items():
        left = ", ".join(
            f"{found['left'][name]:,.6g} of {limit:,.6g} {name}" for name, limit in found["limits"].items()
        )
        share = found["asked"]
        enough = "" if share is None else ": enough" if share >= 1 else f": about {share:.0%} of what it would be asked"
        yield f"budget of the {kind}: {left} left{enough}; what it is not asked is kept without a look"


def _range(found: Range) -> str:
    if round(found.low) == round(found.high):
        return f"{found.value:,.0f}"
    return f"{found.value:,.0f}\n{found.low:,.0f} to {found.high:,.0f}"


def _money(found: Range | None, between: str = "\n") -> str:
    if found is None or not found.high:
        return "" if found is None else "0"
    return f"{usd_text(found.value, 4)}{between}{usd_text(found.low, 4)} to {usd_text(found.high, 4)}"


def _duration(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{hours * 60:,.1f} min"


def _bytes(size: float) -> str:
    return f"{size / 1e9:,.2f} GB" if size >= 1e9 else f"{size / 1e6:,.2f} MB"
