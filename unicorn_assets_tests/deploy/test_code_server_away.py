"""A backfill that the daemon looks at while the code server is away waits for it, with what the image sets."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._grpc.client import DagsterGrpcClient

from unicorn_assets_tests.automation.test_lost_runs import answers, until
from unicorn_assets_tests.deploy.test_dockerfiles import FILES, lines

LOCATION = "import dagster as dg\n\n@dg.asset\ndef captions(): ...\n\ndefs = dg.Definitions([captions])\n"
WAITS = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"


@dg.asset
def captions() -> None: ...


def of_the_image() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in lines(FILES[0], "ENV") for pair in line.split())


@pytest.mark.parametrize(
    ("environment", "state"),
    [(of_the_image(), BulkActionStatus.REQUESTED), ({}, BulkActionStatus.FAILING)],
    ids=["the image's environment", "none"],
)
def test_a_backfill_waits_for_the_code_server(
    environment: dict[str, str], state: BulkActionStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(WAITS, raising=False)
    if WAITS in environment:
        monkeypatch.setenv(WAITS, environment[WAITS])
    (tmp_path / "location.py").write_text(LOCATION)
    (tmp_path / "dagster").mkdir()
    socket = str(tmp_path / "socket")
    command = [sys.executable, "-m", "dagster", "api", "grpc", "-s", socket, "-m", "location"]
    target = GrpcServerTarget(host="localhost", port=None, socket=socket, location_name="location")
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        server = subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            until(lambda: answers(DagsterGrpcClient(socket=socket, host="localhost")))
            with WorkspaceProcessContext(instance, target) as workspace:
                graph = dg.Definitions([captions]).resolve_asset_graph()
                wanted = AssetGraphSubset.from_asset_partition_set({AssetKeyPartitionKey(captions.key, None)}, graph)
                instance.add_backfill(
                    PartitionBackfill.from_asset_graph_subset(
                        "nightly", time.time(), {}, instance, wanted, None, None, None
                    )
                )
                os.killpg(server.pid, signal.SIGKILL)
                server.wait(20)
                with pytest.warns(UserWarning, match="location"):
                    workspace.refresh_workspace()
                list(execute_backfill_iteration(workspace, logging.getLogger("quiet")))
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait(20)
        found = instance.get_backfill("nightly")
        assert found is not None
        assert found.status == state
