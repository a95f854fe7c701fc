"""What is worth telling: failed runs, failed checks that block, budgets, given-up shards, releases that grew old.

Each finding is told once; `Told` remembers which. Not here: sending (channels.py), how often (sensor.py).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import dagster as dg

from unicorn_assets.automation.alerts.settings import AlertSettings
from unicorn_assets.automation.night import BUDGET_WORDS, WINDOW_CLOSED, summary
from unicorn_assets.automation.night_settings import NightSettings
from unicorn_assets.graph import RELEASES
from unicorn_assets.keys import asset_name, step_name

MOST = 50  # runs of one look
WORDS = 300  # characters of one finding


@dataclass(frozen=True)
class Finding:
    """One thing to tell: a kind, a line of words, and the run that it is about, if any."""

    kind: str
    words: str
    run: str = ""


@dataclass
class Told:
    """What was told already. `since`: runs that ended before (Unix time) are known; `runs`: those at its edge;
    `checks`: by check the run whose failure was told; `other`: keys of what is told once.
    """

    since: float = 0.0
    runs: list[str] = field(default_factory=list)
    checks: dict[str, str] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "Told":
        """The inverse of to_dict."""
        return cls(**{each.name: plain[each.name] for each in fields(cls) if each.name in plain})

    def once(self, key: str) -> bool:
        """Whether this is the first time."""
        if key in self.other:
            return False
        self.other = [*self.other[-500:], key]
        return True


def findings(
    instance: dg.DagsterInstance, graph: Any, lake: str, told: Told, alerts: AlertSettings, nights: NightSettings,
    now: float,
) -> Iterator[Finding]:  # fmt: skip
    """What there is to tell now and was not told before."""
    yield from _runs(instance, set(graph.get_all_asset_keys()), told)
    yield from _checks(instance, graph, told)
    yield from _night(instance, lake, told, nights)
    yield from _old_releases(instance, graph, told, alerts, now)


def _runs(instance: dg.DagsterInstance, keys: set[dg.AssetKey], told: Told) -> Iterator[Finding]:
    from dagster._time import datetime_from_timestamp

    filters = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE], updated_after=datetime_from_timestamp(max(0.0, told.since - 60))
    )
    for record in instance.get_run_records(filters, limit=MOST, order_by="update_timestamp", ascending=True):
        run = record.dagster_run
        told.since = max(told.since, record.update_timestamp.timestamp())
        if run.run_id in told.runs or (run.asset_selection and not keys & run.asset_selection):
            continue
        told.runs = [*told.runs[-4 * MOST :], run.run_id]
        words = failure_words(instance, run.run_id)
        yield Finding("budget reached" if BUDGET_WORDS in words else "failed run", words, run.run_id)


def failure_words(instance: dg.DagsterInstance, run: str) -> str:
    """What the first failed step of a run said, in a line."""
    for entry in instance.all_logs(run, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.get_dagster_event()
        data = event.step_failure_data
        said = data.user_failure_data.description if data.user_failure_data else None
        error = data.error.cause or data.error if data.error else None
        return _line(f"{step_name(event.step_key or '')}: {said or (error.message if error else event.message)}")
    return "it failed before any step"


def _checks(instance: dg.DagsterInstance, graph: Any, told: Told) -> Iterator[Finding]:
    keys = [key for key in graph.asset_check_keys if graph.get(key).blocking]
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    for key, record in latest.items():
        name = f"{asset_name(key.asset_key)}.{key.name}"
        if record.status.value != "FAILED" or record.evaluation is None:
            if record.status.value == "SUCCEEDED":
                told.checks.pop(name, None)
            continue
        if name not in told.checks:  # told again only after it was green
            told.checks[name] = record.run_id
            yield Finding("failed check", _line(f"{name}: {record.evaluation.description}"), record.run_id)


def _night(instance: dg.DagsterInstance, lake: str, told: Told, settings: NightSettings) -> Iterator[Finding]:
    note = summary(instance, lake)
    night = note.get("night", "")
    if note.get("ended") == "the budget" and told.once(f"budget {night}"):
        yield Finding("budget reached", f"night {night}: {note.get('words')}")
    if note.get("trouble") and told.once(f"trouble {night} {note.get('words')}"):
        yield Finding("night cannot go on", _line(str(note.get("words"))))
    if note.get("ended") == WINDOW_CLOSED and told.once(f"window {night}"):
        yield Finding("night unfinished", f"night {night}: the window closed before everything was made")
    stuck = sorted(key for key, count in note.get("tries", {}).items() if count >= settings.tries)
    if stuck and told.once(f"stuck {', '.join(stuck)}"):
        named = ", ".join(stuck[:10]) + (f" and {len(stuck) - 10} more" if len(stuck) > 10 else "")
        yield Finding("stuck shard", _line(f"not made in {settings.tries} nights and not tried again: {named}"))


def _old_releases(
    instance: dg.DagsterInstance, graph: Any, told: Told, settings: AlertSettings, now: float
) -> Iterator[Finding]:  # fmt: skip
    if settings.release_hours is None:
        return
    for key in graph.get_all_asset_keys():
        if asset_name(key) in RELEASES:
            event = instance.get_latest_materialization_event(key)
            if event is None:
                continue
            age = (now - event.timestamp) / 3600
            day = int((age - settings.release_hours) // 24)  # of being old: calendar days are told of at midnight too
            if age > settings.release_hours and told.once(f"old {asset_name(key)} {event.timestamp:.0f} {day}"):
                yield Finding("stale release", f"{asset_name(key)} was last made {age:,.0f} hours ago")


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WORDS else f"{line[:WORDS]}…"
