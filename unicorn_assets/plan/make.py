"""One plan: what is left, a sample, the estimate, and what all that means in money, time, disk and budget."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from unicorn_assets.curation.languages import OFF, languages_of
from unicorn_assets.generation.asking import Asker
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.settings import OwnBudget, Price
from unicorn_assets.llm.spend.amount import Amount, capped, limit_of
from unicorn_assets.llm.spend.budget import Account
from unicorn_assets.llm.spend.ledger import cost_usd
from unicorn_assets.plan.drift import Drifting
from unicorn_assets.plan.estimate import Draws, Range, Rest, estimate
from unicorn_assets.plan.left import Left, Work, look
from unicorn_assets.plan.sample import Sample, ask_sample, ledger_figures
from unicorn_assets.recipe import Recipe

BOUND_ROWS = 500
"""Rows whose longest possible requests stand for all in an upper bound."""
SHARD_BYTES = 22 * 5000
"""Of the 22 files of tables, quarantine and ledger that a shard has, before their rows."""
WORD_BYTES = 8
"""Of a caption's words, with the space; for the upper bound of prompts about captions that do not exist yet."""

Figures = dict[str, Range]


@dataclass
class StagePlan:
    """One stage: rows that need nothing any more, and the estimate of the rest (or its `upper_bound`)."""

    left: Left
    rest: Figures | None = None
    sampled: int = 0
    accepted_share: float | None = None
    upper_bound: Amount | None = None


@dataclass
class Plan:
    """What a recipe will cost. Ranges are 95 % intervals; hours go from a full window at the sample's answer times to
    the speed of the sample itself.
    """

    recipe: str
    lake: str
    model: str
    seeds: int
    sample: dict[str, Any] | None
    stages: dict[str, StagePlan]
    total: Figures | None = None
    usd: Range | None = None
    hours: Range | None = None
    gpus: int | None = None
    gpu_usd: Range | None = None
    disk_bytes: float | None = None
    upper_bound: Amount | None = None
    spent: Amount = field(default_factory=Amount)
    budget: dict[str, Any] | None = None
    own_budgets: dict[str, Any] = field(default_factory=dict)  # by kind of request, such as the judge's
    gates_off: list[str] = field(default_factory=list)  # sources that are not English, and what is not looked for there
    drift_unread: str = ""  # why captions that stray from their seeds are counted as if they were kept

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        return asdict(self)


def make_plan(
    recipe: Recipe,
    lake: Lake,
    asker: Asker,
    size: int,
    told: Callable[[str, int], None] = lambda *_: None,
    given: Mapping[str, int] | None = None,
) -> Plan:
    """Plan a run of `recipe` over `lake`: asks about `size` seeds (0: asks nothing, and gives an upper bound only).

    `given` says how many seeds the sources of these names have, which are not there yet: the others' stand for them.
    """
    drifting = Drifting(recipe)
    work = look(recipe, lake, asker, drifting, given)
    sample = None
    if size and work.catalog.height:
        sample = ask_sample(recipe, lake, asker, work, drifting, size, told)
        work = look(recipe, lake, asker, drifting, given)  # the sample's own answers are there now
    plan = Plan(
        recipe.name, lake.url, asker.endpoint.model, work.seeds,
        ledger_figures(sample.ledger, sample) if sample else None,
        {stage: StagePlan(left) for stage, left in work.left.items()}, gpus=recipe.llm.gpu_count(),
    )  # fmt: skip
    plan.drift_unread = drifting.unread
    plan.spent = asker.account.spent()
    plan.gates_off = [*others, *OFF] if (others := languages_of(recipe)) else []
    rest = estimate(recipe, work.left, sample.stages) if sample else {}
    _keep_to_own(plan, recipe, work, asker.account, rest)
    _bound(plan, recipe, work, asker.account, work.stages.keys() - rest.keys())
    if sample:
        _weigh(plan, recipe, asker, rest, sample)
    _compare(plan, recipe)
    return plan


def _keep_to_own(plan: Plan, recipe: Recipe, work: Work, account: Account, rest: Mapping[str, Rest]) -> None:
    """Cut from the estimates what a kind of request with a budget of its own will not be asked, and say how much that
    is: `asked`, the expected share of such requests. None where nothing was sampled.
    """
    for own in _own_budgets(work):
        spent, asked = account.own(own).spent(), None
        needs = [need for need in rest.values() if need.own]
        limits = {name: limit for name, limit in own.limits.model_dump().items() if limit is not None}
        left = {name: max(0, limit - getattr(spent, name)) for name, limit in limits.items()}
        if needs:
            tokens = [need.own["prompt_tokens"] + need.own["completion_tokens"] for need in needs]
            wanted = {"calls": _sum([need.own["calls"] for need in needs]), "tokens": _sum(tokens)}
            if recipe.llm.price is not None:
                wanted["usd"] = _sum([_cost(recipe.llm.price, need.own) for need in needs])
            shares = [left[name] / np.maximum(wanted[name], 1e-12) for name in limits]
            share: Draws = np.minimum(1.0, np.min(shares, axis=0))
            asked = float(share.mean())
            for need in needs:
                need.cut(share)
        plan.own_budgets[own.name] = {
            "limits": limits, "spent": {name: getattr(spent, name) for name in limits}, "left": left, "asked": asked,
        }  # fmt: skip


def _own_budgets(work: Work) -> list[OwnBudget]:
    return list({follow.own: None for stage in work.stages.values() for follow in stage.follow_ups if follow.own})


def _weigh(plan: Plan, recipe: Recipe, asker: Asker, rest: Mapping[str, Rest], sample: Sample) -> None:
    """Fill in estimates, money, hours and disk."""
    price = recipe.llm.price
    for stage, need in rest.items():
        planned = plan.stages[stage]
        planned.sampled, planned.accepted_share = need.sampled, sample.stages[stage].accepted if need.sampled else None
        planned.rest = {"rows": Range.of(need.rows)} | {name: Range.of(draws) for name, draws in need.used.items()}
        if price is not None:
            planned.rest["usd"] = Range.of(_cost(price, need.used))
    names = list(next(iter(rest.values())).used)
    plan.total = {name: Range.of(_sum([need.used[name] for need in rest.values()])) for name in names}
    if price is not None:
        plan.usd = Range.of(_sum([_cost(price, need.used) for need in rest.values()]))
    plan.hours = _hours(recipe, asker, rest, sample)
    if plan.gpus and recipe.llm.gpu_hour_usd is not None:
        rate = plan.gpus * recipe.llm.gpu_hour_usd
        plan.gpu_usd = Range(plan.hours.value * rate, plan.hours.low * rate, plan.hours.high * rate)
    drafts, shards = plan.stages["caption_drafts"].left, -(-plan.seeds // recipe.shard_rows)
    plan.disk_bytes = _disk(rest, sample) + shards * (1 - drafts.current / max(plan.seeds, 1)) * SHARD_BYTES


def _cost(price: Price, used: Mapping[str, Draws]) -> Draws:
    one = [cost_usd(price, *tokens) for tokens in ((1, 0, 0), (1, 1, 0), (0, 0, 1))]
    cached: Draws = np.minimum(used["cached_tokens"], used["prompt_tokens"])
    return (used["prompt_tokens"] - cached) * one[0] + cached * one[1] + used["completion_tokens"] * one[2]


def _sum(draws: list[Draws]) -> Draws:
    total: Draws = np.sum(draws, axis=0)
    return total


def _hours(recipe: Recipe, asker: Asker, rest: Mapping[str, Rest], sample: Sample) -> Range:
    """Wall-clock hours: answer times of the sample, with the whole window in use (low) or as many requests in flight as
    the sample had (high, which also leaves time for each shard's last answers).
    """
    endpoint, llm = asker.endpoint, recipe.llm
    window = min(llm.concurrency, endpoint.capacity or llm.concurrency) * endpoint.server_count
    low = high = 0.0
    for stage, need in rest.items():
        seconds = float(need.used["seconds"].mean())
        if not seconds:
            continue
        calls = float(need.used["calls"].mean())
        parallel = sample.stages[stage].parallel or need.sampled
        low += seconds / window
        drain = seconds / calls * max(1.0, float(need.rows.mean()) / recipe.shard_rows)
        high += seconds / min(parallel, window) + drain
    return Range((low + high) / 7200, low / 3600, high / 3600)


def _disk(rest: Mapping[str, Rest], sample: Sample) -> float:
    """Bytes of tables (as in memory: files are compressed) and journal; no vectors, whose size the encoder decides."""
    found = 0.0
    for stage, need in rest.items():
        made = sample.stages[stage]
        # Drafts become captions, pairs become records: each text is kept twice.
        found += 2 * float(need.rows.mean()) * made.accepted * made.bytes_per_row
        found += float(need.used["calls"].mean()) * (sample.answer_bytes + 120)
    return found


def _bound(plan: Plan, recipe: Recipe, work: Work, account: Account, names: set[str]) -> None:
    """Upper bounds of these stages: every row needs all its drafts, and each answer its token limit."""
    seeds = work.left[work.drafts.name].rest
    chances = recipe.instructions.shares()
    free = {own: limit_of(own.limits) - account.own(own).spent() for own in _own_budgets(work)}
    for name in names:
        stage = work.stages[name]
        if stage is work.drafts:
            every = max(1, work.catalog.height // BOUND_ROWS)
            rows, asked = float(seeds), stage.rows(work.catalog.gather_every(every))
        else:
            rows, asked = work.left[name].rest + seeds * chances[name], stage.rows(_longest(recipe, name))
        requests = [row.request(0, None) for row in asked]
        worst = [account.worst_case(request).amount for request in requests]
        drafts = rows * (recipe.llm.max_drafts + (stage.accept.more_drafts if stage.accept is not None else 0))
        mean = sum(worst, Amount())
        part = drafts / max(len(worst), 1)
        bound = Amount(round(drafts), round(mean.tokens * part), mean.usd * part)
        for follow in stage.follow_ups:
            further = round(drafts * follow.most)
            if follow.most_a_shard is not None:
                further = min(further, follow.most_a_shard * -(-work.seeds // recipe.shard_rows))
            tokens = follow.max_tokens + worst[0].tokens - requests[0].sampling.max_tokens
            usd = worst[0].usd / worst[0].tokens * tokens
            amount = Amount(further, further * tokens, further * usd)
            if follow.own is not None:
                amount = capped(amount, free[follow.own].largest(Amount()), follow.own.limits)
                free[follow.own] -= amount
            bound += amount
        plan.stages[name].upper_bound = bound
    bounds = [planned.upper_bound for planned in plan.stages.values() if planned.upper_bound is not None]
    plan.upper_bound = sum(bounds, Amount()) if bounds else None


def _longest(recipe: Recipe, task: str) -> pl.DataFrame:
    """A caption of the most words that the gates let through."""
    text = "x" * (recipe.captions.gates.max_words * WORD_BYTES)
    row = {"caption_id": "c", "seed_id": "s", "text": text, "words": 1, "task": task}
    columns = {name: pl.lit(row.get(name)).cast(dtype) for name, dtype in polars_schema("captions").items()}
    return pl.DataFrame({"row": [0]}).select(**columns)


def _compare(plan: Plan, recipe: Recipe) -> None:
    """What the budget leaves, and whether the rest fits: yes, perhaps (only the expected value does), no or unknown."""
    budget = recipe.llm.budget
    if budget is None:
        return
    plan.budget = {}
    bound = plan.upper_bound
    for name in ("usd", "tokens", "calls"):
        limit = getattr(budget, name)
        if limit is None:
            continue
        free = limit - getattr(plan.spent, name)
        if abs(free) < 1e-9:  # what rounding leaves of nothing
            free = 0
        need = _need(plan, name)
        verdict = "unknown"
        if need is not None:
            verdict = "yes" if need.high <= free else "perhaps" if need.value <= free else "no"
        elif bound is not None and getattr(bound, name) <= free:
            verdict = "yes"
        plan.budget[name] = {"limit": limit, "spent": getattr(plan.spent, name), "left": free, "fits": verdict}


def _need(plan: Plan, name: str) -> Range | None:
    if plan.total is None or plan.upper_bound is not None:
        return None
    if name == "usd":
        return plan.usd
    if name == "calls":
        return plan.total["calls"]
    prompt, completion = plan.total["prompt_tokens"], plan.total["completion_tokens"]
    return Range(prompt.value + completion.value, prompt.low + completion.low, prompt.high + completion.high)
