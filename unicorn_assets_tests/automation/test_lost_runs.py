"""A run of the default launcher whose process is gone is marked as failed; none that lives, or is of others, is."""

import os
import subprocess

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData

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


def started(
    instance: dg.DagsterInstance, pid: int | None, tag: str = OURS, key: dg.AssetKey = KEY,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
) -> str:  # fmt: skip
    job = dg.Definitions([captions, another]).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(job, tags={tag: "{}"}, status=status, asset_selection=frozenset({key}))
    if pid is not None:
        tell(instance, run.run_id, pid)
    return run.run_id


def tell(instance: dg.DagsterInstance, run_id: str, pid: int) -> None:
    run = instance.get_run_by_id(run_id)
    instance.report_engine_event(f"Started process for run (pid: {pid}).", run, EngineEventData.in_process(pid))


def buried(instance: dg.DagsterInstance) -> set[str]:
    repository = dg.Definitions([captions]).get_repository_def()
    build_lost_runs().evaluate_tick(dg.build_sensor_context(instance, repository_def=repository))
    return {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))}


def launched(instance: dg.DagsterInstance, run_id: str) -> None:
    """What the queue says whenever it launches a run."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_dagster_event(DagsterEvent(DagsterEventType.PIPELINE_STARTING.value, run.job_name), run_id)


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
    assert buried(instance) == {run}


def test_a_run_whose_process_ended_while_it_loaded_is_marked(instance: dg.DagsterInstance, gone: int) -> None:
    """Before it is STARTED; nobody would know of it for the ten minutes in which a run may start."""
    lost = started(instance, gone, status=dg.DagsterRunStatus.STARTING)
    started(instance, None, status=dg.DagsterRunStatus.STARTING)
    started(instance, os.getpid(), status=dg.DagsterRunStatus.STARTING)
    started(instance, gone, status=dg.DagsterRunStatus.CANCELING)
    assert buried(instance) == {lost}


def test_the_process_of_the_last_launch_counts(instance: dg.DagsterInstance, gone: int) -> None:
    """A code server that goes while it launches a run takes the process with it; the queue launches the run again."""
    run = started(instance, None, status=dg.DagsterRunStatus.STARTING)
    launched(instance, run)
    tell(instance, run, gone)
    launched(instance, run)
    assert buried(instance) == set(), "the second process has not said anything yet"
    tell(instance, run, os.getpid())
    assert buried(instance) == set(), "it lives"
    launched(instance, run)
    tell(instance, run, gone)
    assert buried(instance) == {run}
