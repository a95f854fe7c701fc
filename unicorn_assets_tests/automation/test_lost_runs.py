"""A run of the default launcher whose process is gone is marked as failed; none that lives, or is of others, is."""

import os
import subprocess

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from unicorn_assets.automation.lost_runs import OURS, build_lost_runs

KEY = dg.AssetKey(["mine", "captions"])


@dg.asset(key=KEY)
def captions() -> None: ...


@dg.asset(key=["another", "captions"])
def another() -> None: ...


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def gone() -> int:
    """The number of a process that was."""
    with subprocess.Popen(["true"]) as process:
        return process.pid


def started(instance: dg.DagsterInstance, pid: int | None, tag: str = OURS, key: dg.AssetKey = KEY) -> str:
    job = dg.Definitions([captions, another]).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(
        job, tags={tag: "{}"}, status=dg.DagsterRunStatus.STARTED, asset_selection=frozenset({key})
    )
    if pid is not None:
        instance.report_engine_event(f"Started process for run (pid: {pid}).", run, EngineEventData.in_process(pid))
    return run.run_id


def test_only_runs_whose_process_is_gone_are_marked(instance: dg.DagsterInstance, gone: int) -> None:
    lost = started(instance, gone)
    others = [
        started(instance, os.getpid()), started(instance, None), started(instance, gone, "docker/image"),
        started(instance, gone, key=another.key),
    ]  # fmt: skip
    repository = dg.Definitions([captions]).get_repository_def()
    sensor = build_lost_runs()
    said = sensor.evaluate_tick(dg.build_sensor_context(instance, repository_def=repository)).skip_message
    assert said == f"ended without a word: {lost}"
    states = {run.run_id: run.status for run in instance.get_runs()}
    assert states == {lost: dg.DagsterRunStatus.FAILURE, **dict.fromkeys(others, dg.DagsterRunStatus.STARTED)}
    again = sensor.evaluate_tick(dg.build_sensor_context(instance, repository_def=repository)).skip_message
    assert again == "each run has its process"


def test_a_process_that_began_later_is_another(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    run = started(instance, os.getpid())
    monkeypatch.setattr("unicorn_assets.automation.lost_runs._began", lambda pid: 2e10)
    repository = dg.Definitions([captions]).get_repository_def()
    build_lost_runs().evaluate_tick(dg.build_sensor_context(instance, repository_def=repository))
    found = instance.get_run_by_id(run)
    assert found is not None
    assert found.status == dg.DagsterRunStatus.FAILURE
