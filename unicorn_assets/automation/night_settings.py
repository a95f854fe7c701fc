"""When nights are and how much they may do: from UNICORN_NIGHT_* environment variables, checked where they are read.

They say nothing about the data: that is the recipe's part. Not here: what a night does (night.py), alerts (alerts/).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dagster as dg

from unicorn_assets.errors import UserError

Limits = Mapping[str, float]
"""Of calls, tokens and usd those that are limited."""


@dataclass(frozen=True)
class NightSettings:
    """`start`, `end`: the hours, local time of `zone`, in which backfills are created; may cross midnight. `shards`:
    how many shards a night makes at most. `tries`: nights in which a shard that fails is tried. `budget`: what a night
    may spend on the LLM at most. `interval`: seconds between two looks.
    """

    start: time = time(1)
    end: time = time(6)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    shards: int = 40
    tries: int = 3
    budget: Limits = field(default_factory=dict)
    interval: int = 30

    def night_of(self, now: datetime) -> date | None:
        """The night that `now` is in, named after the day on which it begins; None by day."""
        local = now.astimezone(self.zone)
        clock, today = local.time(), local.date()
        if self.start <= self.end:
            return today if self.start <= clock < self.end else None
        if clock >= self.start:
            return today
        return today - timedelta(days=1) if clock < self.end else None


def status_of(sensor: str, environment: Mapping[str, str] = os.environ) -> dg.DefaultSensorStatus:
    """A sensor is off until somebody switches it on in the UI, or names it in UNICORN_SENSORS (`nights,alerts`)."""
    named = {each.strip() for each in environment.get("UNICORN_SENSORS", "").split(",")}
    return dg.DefaultSensorStatus.RUNNING if sensor in named else dg.DefaultSensorStatus.STOPPED


def night_settings(environment: Mapping[str, str] = os.environ) -> NightSettings:
    """The settings; a UserError names the variable that cannot be used."""
    usual = NightSettings()
    window = _given(environment, "WINDOW", "01:00-06:00")
    found = re.fullmatch(r"(\d\d?:\d\d)-(\d\d?:\d\d)", window)
    try:
        start, end = (datetime.strptime(part, "%H:%M").time() for part in (found.groups() if found else ()))  # noqa: DTZ007
    except ValueError:
        raise _wrong("WINDOW", window, "two times of day such as 01:00-06:00") from None
    zone = _given(environment, "ZONE", "UTC")
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _wrong("ZONE", zone, "a time zone such as Europe/Berlin") from None
    return NightSettings(
        start, end, place,
        _number(environment, "SHARDS", usual.shards), _number(environment, "TRIES", usual.tries),
        _budget(_given(environment, "BUDGET", "")), _number(environment, "INTERVAL", usual.interval),
    )  # fmt: skip


def _budget(text: str) -> Limits:
    limits: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, value = part.partition("=")
        if name not in ("calls", "tokens", "usd") or not re.fullmatch(r"\d+(\.\d+)?", value) or not float(value):
            raise _wrong("BUDGET", text, "limits above 0 such as usd=5 or calls=20000,tokens=30000000")
        limits[name] = float(value)
    return limits


def _number(environment: Mapping[str, str], name: str, usual: int) -> int:
    text = _given(environment, name, str(usual))
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise _wrong(name, text, "a whole number above 0")
    return int(text)


def _given(environment: Mapping[str, str], name: str, usual: str) -> str:
    return environment.get(f"UNICORN_NIGHT_{name}", "").strip() or usual


def _wrong(name: str, value: str, wanted: str) -> UserError:
    return UserError(f"UNICORN_NIGHT_{name} is {value[:100]!r}", f"give {wanted}")
