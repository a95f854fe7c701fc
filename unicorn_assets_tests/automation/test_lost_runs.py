"""A run of the default launcher whose process is gone is marked as failed; none that lives, or is of others, is."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._grpc.client import DagsterGrpcClient

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


LOCATION = """
import threading
import dagster as dg

@dg.asset(key=["mine", "captions"])
def captions():
    threading.Event().wait(600)

defs = dg.Definitions([captions])
"""


@pytest.mark.timeout(180)
def test_a_run_that_a_real_code_server_took_with_it_is_marked(tmp_path: Path) -> None:
    """What a run of the default launcher looks like is asked of Dagster itself: tag, events, processes."""
    (tmp_path / "location.py").write_text(LOCATION)
    command = [sys.executable, "-m", "dagster", "api", "grpc", "-s", str(tmp_path / "socket"), "-m", "location"]
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        server = subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            run = launch(instance, DagsterGrpcClient(socket=str(tmp_path / "socket"), host="localhost"))
            assert buried(instance) == set()
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(20)
        assert buried(instance) == {run}


def launch(instance: dg.DagsterInstance, client: DagsterGrpcClient) -> str:
    """A run of `captions` that the code server has begun to execute."""
    job = dg.Definitions([captions]).resolve_implicit_global_asset_job_def()
    location = GrpcServerCodeLocationOrigin("localhost", socket=client.socket, location_name="location")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job.name)
    run = instance.create_run_for_job(job, asset_selection=frozenset({KEY}), remote_job_origin=origin)
    until(lambda: answers(client))
    DefaultRunLauncher.launch_run_from_grpc_client(instance, run, client)
    until(lambda: instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.STARTED)
    return run.run_id


def answers(client: DagsterGrpcClient) -> bool:
    try:
        return client.ping("")["echo"] == ""
    except DagsterUserCodeUnreachableError:
        return False


def until(true) -> None:
    for _ in range(600):
        if true():
            return
        threading.Event().wait(0.1)
    raise AssertionError("it does not come")
