"""The sensor that tells people: one message for all that was found since the last one. Off until switched on.

What could not be sent waits for the next look, for each channel on its own. A server that answers nonsense, nothing or
not at all costs seconds and never the sensor.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from unicorn_assets.automation.alerts.channels import send
from unicorn_assets.automation.alerts.findings import Finding, Told, findings
from unicorn_assets.automation.alerts.settings import AlertSettings, alert_settings
from unicorn_assets.automation.night import Clock, now
from unicorn_assets.automation.night_settings import NightSettings, night_settings, status_of
from unicorn_assets.errors import UserError
from unicorn_assets.home import Home

KEPT = 50
"""Findings that wait for a channel; of more only the number is told."""
Sender = Callable[[str, AlertSettings, str, str], str]


def build_alerts(
    home: Home, data_set: str, settings: AlertSettings | None = None, clock: Clock = now, post: Sender = send
) -> dg.SensorDefinition:
    """The sensor for the lake of `home`; settings come from the environment at each look."""

    @dg.sensor(
        name="alerts",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=60,
        default_status=status_of("alerts"),
        description="Tells of failed runs and checks, reached budgets, stuck shards and old releases.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        try:
            chosen, nights = settings or alert_settings(), night_settings()
        except UserError as error:
            return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
        state, words = look(context, home.lake_url, data_set, chosen, nights, clock().timestamp(), post)
        for line in words:
            context.log.warning(line)
        said = "; ".join(words) or "nothing to tell"
        return dg.SensorResult(skip_reason=said, cursor=json.dumps(state))

    return alerts


def look(
    context: dg.SensorEvaluationContext, lake: str, data_set: str, settings: AlertSettings, nights: NightSettings,
    moment: float, post: Sender,
) -> tuple[dict[str, Any], list[str]]:  # fmt: skip
    """Find, and send what is due; the sensor's new state, and what to say of it."""
    assert context.repository_def is not None
    state = json.loads(context.cursor) if context.cursor else {"told": Told(since=moment).to_dict()}
    told = Told.from_dict(state["told"])
    graph = context.repository_def.asset_graph
    found = list(findings(context.instance, graph, lake, told, settings, nights, moment))
    waiting, sent, words = state.get("waiting", {}), state.get("sent", {}), []
    for channel in settings.channels:
        mine = [Finding(**plain) for plain in waiting.get(channel, [])] + found
        more = len(mine) - KEPT
        mine = mine[-KEPT:]
        if mine and moment - sent.get(channel, 0.0) >= 60 * settings.minutes:
            sent[channel] = moment
            error = post(channel, settings, title(data_set, mine), text(settings, mine, max(0, more)))
            words.append(f"{channel}: {error or f'told of {len(mine)}'}")
            mine = mine if error else []
        waiting[channel] = [vars(each) for each in mine]
    if found and not settings.channels:
        words.append("there is nobody to tell: set UNICORN_ALERT_WEBHOOK or UNICORN_ALERT_MAIL")
    return {"told": told.to_dict(), "waiting": waiting, "sent": sent}, words


def title(data_set: str, found: Sequence[Finding]) -> str:
    """How much of what."""
    kinds = Counter(each.kind for each in found)
    return f"{data_set}: " + ", ".join(f"{count} x {kind}" if count > 1 else kind for kind, count in kinds.items())


def text(settings: AlertSettings, found: Sequence[Finding], left_out: int = 0) -> str:
    """A line for each finding, with the link of its run."""
    lines = []
    for each in found:
        link = settings.run_link(each.run)
        lines.append(f"{each.kind}: {each.words}" + (f"\n{link}" if link else f" (run {each.run})" if each.run else ""))
    return "\n".join([*lines, *([f"and {left_out} more before"] if left_out else [])])
