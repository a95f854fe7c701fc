"""A night from end to end: the real daemon on PostgreSQL finds what changed, and a correct release appears.

The daemon is a process of its own that loads the code location over gRPC; its clocks are shortened, and runs are in its
process. The test waits on what the daemon says.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus

from unicorn_assets.automation.looking import look_at
from unicorn_assets.automation.night import NIGHT_TAG
from unicorn_assets.automation.night_plan import RIGHT
from unicorn_assets.health import wanted_of
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets_tests.automation.nights import add_source, append_rows, damage_shard, edit_prompt, nights
from unicorn_assets_tests.servers import PostgresServer, postgres_server

__all__ = ["postgres_server"]

DAEMON = """
import sys, dagster._daemon.controller as controller, dagster._daemon.sensor as sensor
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = sensor.MIN_INTERVAL_LOOP_TIME = 1
from dagster._daemon.cli import main
sys.argv = ["dagster-daemon", "run", "-m", "unicorn_assets_tests.automation.night_location"]
main()
"""
SETTINGS = """
storage:
  custom:
    module: unicorn_assets.postgres
    class: BriefPostgresStorage
    config:
      postgres_db:
        scheme: postgresql+psycopg2
        hostname: {env: DAGSTER_PG_HOST}
        port: {env: DAGSTER_PG_PORT}
        username: {env: DAGSTER_PG_USER}
        password: {env: DAGSTER_PG_PASSWORD}
        db_name: {env: DAGSTER_PG_DB}
run_launcher: {module: dagster._core.launcher.sync_in_memory_run_launcher, class: SyncInMemoryRunLauncher}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
telemetry: {enabled: false}
"""
WELL = "Sensor nights skipped: everything is as the recipe wants it"
SECONDS = 560


@contextmanager
def daemon(environment: dict[str, str], folder: Path, settings: str = SETTINGS) -> Iterator[subprocess.Popen]:
    (folder / "dagster.yaml").write_text(settings, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", DAEMON], env={**os.environ, **environment, "DAGSTER_HOME": str(folder)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    limit = threading.Timer(SECONDS, process.kill)
    limit.start()
    try:
        yield process
    finally:
        limit.cancel()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.timeout(900)
def test_the_daemon_finds_what_changed_and_ends_in_a_correct_release(
    postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "dagster").mkdir()
    with nights(tmp_path / "data") as made:
        captions, asked = made.captions(), made.data.server.calls
        append_rows(made)
        add_source(made)
        edit_prompt(made)
        damage_shard(made, "instructions", "lines-00000")
        noon = datetime.now(UTC).hour - 12
        environment = {
            **postgres_server.environment, "UNICORN_HOME": str(made.data.home), "UNICORN_RECIPE": str(made.data.recipe),
            "UNICORN_SENSORS": "nights", "UNICORN_NIGHT_INTERVAL": "1", "UNICORN_NIGHT_WINDOW": "10:00-16:00",
            "UNICORN_NIGHT_ZONE": f"Etc/GMT{noon:+d}",
        }  # fmt: skip
        said: list[str] = []
        with daemon(environment, tmp_path / "dagster") as process:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                if WELL in line:
                    break
        assert WELL in said[-1], "".join(said[-60:])

        found = look_at(made.home.lake_url, wanted_of(load_recipe(made.home.recipe)))
        assert found is not None
        assert {cell.state for row in found.cells.values() for cell in row.values()} <= set(RIGHT)
        assert made.captions() > captions
        assert made.data.server.calls > asked
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
            backfills = [each for each in instance.get_backfills() if NIGHT_TAG in each.tags]
        assert len(backfills) == 4
        assert {each.status for each in backfills} == {BulkActionStatus.COMPLETED_SUCCESS}
        after = made.data.server.calls
        assert made.data.run(made.data.home).exit_code == 0
        assert made.data.server.calls == after, "nothing was left to do"
