"""What is told of runs, checks and nights, once, and no more often than settings say: a real instance in memory."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from unicorn_assets.automation.alerts.sensor import build_alerts
from unicorn_assets.automation.alerts.settings import AlertSettings
from unicorn_assets.automation.local_run import CONFIG
from unicorn_assets.automation.night import keep_summary
from unicorn_assets.automation.night_plan import NightState
from unicorn_assets.home import find_home
from unicorn_assets_tests.automation.alerts.letterboxes import letterbox


@dg.asset(config_schema={"fail": dg.Field(str, default_value="")})
def captions(context: dg.AssetExecutionContext) -> None:
    if fail := context.op_execution_context.op_config["fail"]:
        raise dg.Failure(fail, allow_retries=False)


@dg.asset
def unicorn_1_2m() -> None:
    pass


@dg.asset_check(asset=captions, blocking=True)
def keys_unique() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=Told.green, description="1 row breaks this in s-00001 (1)")


@dataclass
class Told:
    """The sensor on an instance, and what it sent."""

    instance: dg.DagsterInstance
    settings: AlertSettings
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    cursor: str | None = None
    sent: list[tuple[str, str]] = field(default_factory=list)
    answer: str = ""
    green = True

    def __post_init__(self) -> None:
        self.repository = dg.Definitions([captions, unicorn_1_2m], asset_checks=[keys_unique]).get_repository_def()
        self.job = self.repository.get_implicit_global_asset_job_def()

    def look(self, minutes: float = 0, **post: Any) -> list[str]:
        """Texts of the messages that this look sent."""
        self.now += timedelta(minutes=minutes)
        before = len(self.sent)

        def keep(channel: str, settings: AlertSettings, title: str, text: str) -> str:
            self.sent.append((title, text))
            return self.answer

        sensor = build_alerts(
            find_home("/nowhere", lake="L"), "mine", self.settings, lambda: self.now, **{"post": keep, **post}
        )
        context = dg.build_sensor_context(self.instance, self.cursor, repository_def=self.repository)
        self.cursor = sensor.evaluate_tick(context).cursor
        return [text for _, text in self.sent[before:]]

    def run(self, fail: str = "") -> str:
        result = self.job.execute_in_process(
            instance=self.instance, raise_on_error=False,
            run_config={**CONFIG, "ops": {"captions": {"config": {"fail": fail}}}},
        )  # fmt: skip
        return result.run_id


@pytest.fixture
def told() -> Iterator[Told]:
    with dg.DagsterInstance.ephemeral() as instance:
        found = Told(instance, AlertSettings(webhook="http://w", ui="http://ui", minutes=10))
        assert found.look() == []
        yield found


def test_a_failed_run_is_told_once_with_its_link(told: Told) -> None:
    run = told.run(fail="the disk\nis full")
    assert told.look(1) == [f"failed run: captions: the disk is full\nhttp://ui/runs/{run}"]
    assert told.sent[-1][0] == "mine: failed run"
    assert told.look(60) == []


def test_a_budget_that_was_reached_is_told_as_such(told: Told) -> None:
    told.run(fail="the next request could cross llm.budget: used 5 of 5 calls")
    assert told.look(1)[0].startswith("budget reached: captions: the next request")


def test_a_failed_check_is_told_until_it_was_green_again(told: Told) -> None:
    for green, times in ((False, 1), (False, 0), (True, 0), (False, 1)):
        Told.green = green
        told.run()
        texts = told.look(11)
        assert (
            sum(text.count("failed check: captions.keys_unique: 1 row breaks this in s-00001 (1)") for text in texts)
            == times
        )
    Told.green = True


def test_what_is_found_within_minutes_is_one_message(told: Told) -> None:
    told.run(fail="first")
    assert len(told.look(1)) == 1
    told.run(fail="second")
    told.run(fail="third")
    assert told.look(1) == []
    (text,) = told.look(10)
    assert text.index("second") < text.index("third")
    assert told.sent[-1][0] == "mine: 2 x failed run"


def test_a_storm_is_a_number(told: Told) -> None:
    told.run(fail="first")
    told.look(1)
    state = json.loads(told.cursor or "")
    state["waiting"]["webhook"] = [{"kind": "failed run", "words": f"{n}", "run": ""} for n in range(60)]
    told.cursor = json.dumps(state)
    (text,) = told.look(11)
    assert len(text.splitlines()) == 51
    assert text.endswith("and 10 more before")


def test_what_could_not_be_sent_waits_for_the_next_time(told: Told) -> None:
    told.answer = "the webhook answered 500"
    told.run(fail="first")
    assert len(told.look(1)) == 1
    told.answer = ""
    assert told.look(1) == [], "not more often than every ten minutes"
    assert "first" in told.look(10)[0]
    assert told.look(10) == []


def test_nights_tell_of_stuck_shards_and_their_budget(told: Told) -> None:
    keep_summary(told.instance, "L", NightState("2026-03-01", tries={"captions/s-00001": 3}, ended="the budget"), "w")
    (text,) = told.look(1)
    assert "stuck shard: not made in 3 nights and not tried again: captions/s-00001" in text
    assert "budget reached: night 2026-03-01" in text
    assert told.look(20) == []


def test_a_night_that_cannot_go_on_or_has_no_time_is_told(told: Told) -> None:
    keep_summary(told.instance, "L", NightState("2026-03-01"), "recipe.yaml:3: unknown key", is_trouble=True)
    assert told.look(1) == ["night cannot go on: recipe.yaml:3: unknown key"]
    keep_summary(told.instance, "L", NightState("2026-03-01", ended="the window closed"), "w")
    assert told.look(20) == ["night unfinished: night 2026-03-01: the window closed before everything was made"]
    assert told.look(20) == []


def test_an_old_release_is_told_once_a_day(told: Told) -> None:
    told.settings = replace(told.settings, release_hours=24)
    told.run()
    assert told.look(1) == []
    assert told.look(25 * 60)[0].startswith("stale release: unicorn_1_2m was last made 25 hours ago")
    assert told.look(20) == []
    assert len(told.look(24 * 60)) == 1


def test_runs_of_before_it_was_switched_on_are_history(told: Told) -> None:
    told.run(fail="old")
    told.now += timedelta(minutes=5)
    told.cursor = None
    assert told.look() == []


def test_nobody_to_tell_is_said_and_a_wrong_setting_too(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNICORN_ALERT_WEBHOOK", "no-address-at-all")
    sensor = build_alerts(find_home("/nowhere"), "mine")
    result = sensor.evaluate_tick(dg.build_sensor_context(told.instance, repository_def=told.repository))
    assert "UNICORN_ALERT_WEBHOOK" in str(result.skip_message)


def test_a_message_arrives_at_a_real_server(told: Told) -> None:
    from unicorn_assets.automation.alerts.channels import send

    with letterbox("http") as box:
        told.settings = replace(told.settings, webhook=f"http://127.0.0.1:{box.port}/")
        told.run(fail="it broke")
        told.look(1, post=send)
    assert "it broke" in box.got[0]["text"]
