"""Nights: a sensor that asks the lake what is not as the recipe wants it, and creates backfills for exactly that.

It looks every half minute while it is night, asks for the next round (night_plan.py) when the one before is done, and
ends with a checked release, with the window, or with the night's budget. Its cursor is all it remembers. Off until
somebody switches it on. Why the lake is asked and not Dagster's automation conditions: docs/decisions/014.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from unicorn_assets.automation.looking import look_at
from unicorn_assets.automation.night_plan import Cells, NightState, Plan, next_round
from unicorn_assets.automation.night_settings import NightSettings, night_settings, status_of
from unicorn_assets.automation.origin import of_these
from unicorn_assets.errors import UserError
from unicorn_assets.graph import ASSETS
from unicorn_assets.health import wanted_of
from unicorn_assets.home import Home
from unicorn_assets.ids import digest
from unicorn_assets.keys import asset_name, step_name
from unicorn_assets.lake.store import ALL, Lake
from unicorn_assets.llm.spend.records import SpendRecords, total
from unicorn_assets.partitions import known_shards
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.resources.ceiling import CEILING_TAG, under_ceiling

NIGHT_TAG = "unicorn/night"
BUDGET_WORDS = "llm.budget"
WINDOW_CLOSED = "the window closed"
OPEN = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]
Clock = Callable[[], datetime]


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def build_night(home: Home, settings: NightSettings | None = None, clock: Clock = now) -> dg.SensorDefinition:
    """The sensor for the recipe and lake of `home`."""
    settings = settings or night_settings()

    @dg.sensor(
        name="nights",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=settings.interval,
        default_status=status_of("nights"),
        description="By night: backfills of all that is not as the recipe wants it, up to checked releases.",
    )
    def nights(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        state = NightState.from_dict(json.loads(context.cursor)) if context.cursor else NightState()
        try:
            state, cells, words = step(context.instance, _keys(context), home, state, settings, clock())
        except UserError as error:
            keep_summary(context.instance, str(home.lake_url), state, str(error), is_trouble=True)
            return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
        cursor = json.dumps(state.to_dict())
        keep_summary(context.instance, str(home.lake_url), state, words)
        if not cells:
            return dg.SensorResult(skip_reason=words, cursor=cursor)
        context.log.info(words)
        return dg.SensorResult(run_requests=[_request(context, state, cells)], cursor=cursor)

    return nights


def step(
    instance: dg.DagsterInstance, keys: Mapping[str, dg.AssetKey], home: Home, state: NightState,
    settings: NightSettings, moment: datetime,
) -> tuple[NightState, Cells, str]:  # fmt: skip
    """One look: the state after it, what to ask for, and what there is to say."""
    night = settings.night_of(moment)
    if state.night and not state.ended and (night is None or str(night) != state.night):
        return replace(state, ended=WINDOW_CLOSED), {}, f"{WINDOW_CLOSED}; the next night goes on"
    if night is None or (state.ended and state.night == str(night)):
        return state, {}, state.ended or "it is day"
    if waits := busy(instance, set(keys.values())):
        return state, {}, f"waits for {waits}"
    recipe = load_recipe(home.recipe)
    wanted = wanted_of(recipe)
    identity = digest([dict(wanted.versions), recipe.name])
    if state.night != str(night):
        state = state.begun(str(night), identity, _ceiling(home, recipe, settings))
    elif state.recipe != identity:
        return replace(state, ended="the recipe changed"), {}, "the recipe changed; the next night follows it"
    found = look_at(home.lake_url, wanted)
    if found is None:
        return state, {}, "proving the lake's files, goes on with the next look"
    told = failures(instance, state)
    over_budget = any(BUDGET_WORDS in words for words in told)
    state = state.settled(found, over_budget)
    if over_budget:
        return replace(state, ended="the budget"), {}, "the night's budget is used up; the next night goes on"
    shards = known_shards(instance, recipe.name)
    plan = next_round(found, state, settings.shards, settings.tries, shards)
    if plan.cells:
        return state.asking(plan.cells), plan.cells, _told(state, plan)
    return replace(state, ended="done"), {}, _ended(plan)


def busy(instance: dg.DagsterInstance, keys: set[dg.AssetKey]) -> str:
    """What is in progress over these assets, in words; empty when nothing is."""
    for backfill in instance.get_backfills(BulkActionsFilter(statuses=OPEN)):
        if backfill.asset_selection is None or keys & set(backfill.asset_selection):
            return f"backfill {backfill.backfill_id}"
    for run in instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)):
        if of_these(run, keys):
            return f"run {run.run_id}"
    return ""


def failures(instance: dg.DagsterInstance, state: NightState) -> list[str]:
    """What the failed steps of the last round said."""
    found: list[str] = []
    tags = {NIGHT_TAG: f"{state.night}-{state.round}"}
    for run in instance.get_runs(dg.RunsFilter(tags=tags, statuses=[dg.DagsterRunStatus.FAILURE]), limit=20):
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
            event = entry.get_dagster_event()
            told = event.step_failure_data.user_failure_data
            found.append(f"{step_name(event.step_key or '')}: {told.description if told else event.message}")
    return found


def _keys(context: dg.SensorEvaluationContext) -> dict[str, dg.AssetKey]:
    assert context.repository_def is not None, "Dagster gives it to every sensor that it evaluates"
    return {asset_name(key): key for key in context.repository_def.asset_graph.get_all_asset_keys()}


def _request(context: dg.SensorEvaluationContext, state: NightState, cells: Cells) -> dg.RunRequest:
    """One that the daemon makes a backfill of, as it does for automation conditions."""
    assert context.repository_def is not None
    keys = _keys(context)
    subset = AssetGraphSubset.from_asset_partition_set(
        {
            AssetKeyPartitionKey(keys[name], None if shard == ALL else shard)
            for name, row in cells.items()
            for shard in row
        },
        context.repository_def.asset_graph,
    )
    tags = {NIGHT_TAG: f"{state.night}-{state.round}"}
    if state.ceiling:
        tags[CEILING_TAG] = json.dumps(dict(state.ceiling))
    return dg.RunRequest.for_asset_graph_subset(subset, tags)


def _ceiling(home: Home, recipe: Recipe, settings: NightSettings) -> dict[str, float]:
    """What the lake's LLM may have spent, over all runs, when this night ends."""
    if not settings.budget:
        return {}
    try:
        under_ceiling(recipe.llm, {CEILING_TAG: json.dumps(dict(settings.budget))})
    except UserError as error:
        words = str(error).splitlines()[0]
        raise UserError(f"UNICORN_NIGHT_BUDGET cannot be held: {words}", "give it in calls or tokens") from None
    spent = total(SpendRecords(Lake(home.lake_url).files).records().values(), recipe.llm.price)
    return {name: float(getattr(spent, name)) + limit for name, limit in settings.budget.items()}


def _told(state: NightState, plan: Plan) -> str:
    asked = ", ".join(f"{name} ({len(row)})" if ASSETS[name].by_shard else name for name, row in plan.cells.items())
    return f"night {state.night}, round {state.round + 1}: {asked}"


def _ended(plan: Plan) -> str:
    words = [f"{len(plan.waiting):,} shards wait for the next night"] if plan.waiting else []
    left = [] if plan.waiting else plan.left
    words += [f"{len(left):,} not made right: {', '.join(left[:5])}"] if left else []
    words += [f"no longer tried: {', '.join(plan.stuck[:5])}"] if plan.stuck else []
    return "; ".join(words) or "everything is as the recipe wants it"


def keep_summary(
    instance: dg.DagsterInstance, lake: str, state: NightState, words: str, is_trouble: bool = False
) -> None:
    """Leave a note of the night for whoever tells people (alerts/)."""
    note: dict[str, Any] = {"night": state.night, "ended": state.ended, "tries": dict(state.tries), "words": words}
    note["trouble"] = is_trouble
    instance.run_storage.set_cursor_values({f"{NIGHT_TAG}/{lake}": json.dumps(note)})


def summary(instance: dg.DagsterInstance, lake: str) -> dict[str, Any]:
    """The note that the last look left; empty when there was none."""
    key = f"{NIGHT_TAG}/{lake}"
    found = instance.run_storage.get_cursor_values({key}).get(key)
    return json.loads(found) if found else {}
