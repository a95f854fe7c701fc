"""A sensor that notices runs whose process is gone although Dagster takes them for running, and has them begun again.

With Dagster's default launcher a run is a child of the code server, and only that very server knows of it: when a
container or a service ends with all its processes, nobody marks its runs as failed. They would wait for ever, and so
would nights. The sensor works where those processes were, in the code server, and is on: it makes nothing by itself. A
run that it marks as failed is started again by Dagster's run_retries. Not here: runs in containers, pods and tasks
(their launchers tell), runs of `unicorn run` (local_run.py).
"""

import os
import time
from pathlib import Path

import dagster as dg
from dagster._core.storage.tags import GRPC_INFO_TAG

from unicorn_assets.automation.origin import of_these

OURS = GRPC_INFO_TAG
"""Tag of runs that the default launcher has started, as children of the code server."""
AT_WORK = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
"""A process says which one it is before it loads what it runs, and is STARTING for those seconds. One that ends before
it said anything is run_monitoring's (start_timeout_seconds), and so is a run that somebody has canceled.
"""
WORDS = "the process of this run (pid {}) ended without a word, as when a code server ends; finished shards are kept"


def build_lost_runs() -> dg.SensorDefinition:
    """The sensor for the runs of this code location."""

    @dg.sensor(
        name="lost_runs",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks runs as failed whose process is gone, so that Dagster starts them again.",
    )
    def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        assert context.repository_def is not None, "Dagster gives it to every sensor that it evaluates"
        found = bury(context.instance, set(context.repository_def.asset_graph.get_all_asset_keys()))
        return dg.SkipReason(f"ended without a word: {', '.join(found)}" if found else "each run has its process")

    return lost_runs


def bury(instance: dg.DagsterInstance, keys: set[dg.AssetKey]) -> list[str]:
    """Mark runs over these assets as failed whose process is gone; their ids."""
    found = []
    for run in instance.get_runs(dg.RunsFilter(statuses=AT_WORK)):
        if OURS not in run.tags or not of_these(run, keys):
            continue
        pid = _gone(instance, run.run_id)
        now = instance.get_run_by_id(run.run_id)
        if pid and now is not None and now.status == run.status:  # it did not just end well, nor begin anew
            instance.report_run_failed(now, WORDS.format(pid))
            found.append(run.run_id)
    return found


def _gone(instance: dg.DagsterInstance, run_id: str) -> int:
    """The run's process, if it said which one it is and is gone; else 0. Of a run that was put back into the queue,
    because the code server went while it was launched, only the process of the last launch counts.
    """
    pid, when = 0, 0.0
    for entry in instance.all_logs(
        run_id, of_type={dg.DagsterEventType.ENGINE_EVENT, dg.DagsterEventType.RUN_STARTING}
    ):
        event = entry.get_dagster_event()
        if event.event_type == dg.DagsterEventType.RUN_STARTING:
            pid = 0
        elif (event.message or "").startswith("Started process for run"):
            told = event.engine_event_data.metadata.get("pid")
            pid, when = (int(str(told.value)), entry.timestamp) if told is not None else (0, 0.0)
    began = _began(pid) if pid else None
    return 0 if began is not None and began <= when + 5 else pid


def _began(pid: int) -> float | None:
    """When a process began, in seconds since 1970: another may have got its number later. None: it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    if fields[0] == "Z":
        return None
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + int(fields[19]) / os.sysconf("SC_CLK_TCK")
