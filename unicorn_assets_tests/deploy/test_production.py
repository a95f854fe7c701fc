"""deploy/dagster.yaml, run for real: PostgreSQL and S3 are servers on this machine."""

import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from unicorn_assets.definitions import build_defs
from unicorn_assets.home import find_home
from unicorn_assets.keys import asset_key
from unicorn_assets.lake.store import Lake
from unicorn_assets.partitions import RANGE_END, RANGE_START, known_shards
from unicorn_assets_tests.servers import (
    PostgresServer,
    S3Server,
    postgres_server,
    psycopg2_connection,
)

__all__ = ["postgres_server"]

DEPLOY = Path(__file__).parents[2] / "deploy"
LOGS = "unicorn-logs"


@pytest.fixture(scope="module")
def dagster_home(
    postgres_server: PostgresServer, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    home = tmp_path_factory.mktemp("dagster")
    shutil.copy(DEPLOY / "dagster.yaml", home)
    s3_server.make_bucket(LOGS)
    return home


@pytest.fixture
def environment(
    postgres_server: PostgresServer, s3_server: S3Server, dagster_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"DAGSTER_HOME": str(dagster_home), "UNICORN_LOG_BUCKET": LOGS}
    for name, value in (postgres_server.environment | s3_server.environment | places).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def instance(environment: None):
    with dg.DagsterInstance.get() as found:
        yield found


def test_runs_and_events_are_in_postgres_and_logs_in_s3(
    instance: dg.DagsterInstance, postgres_server: PostgresServer, s3_server: S3Server
):
    shards = dg.DynamicPartitionsDefinition(name="test_shards")

    @dg.asset(partitions_def=shards)
    def numbers(context: dg.AssetExecutionContext) -> None:
        print("shard", context.partition_key)

    instance.add_dynamic_partitions("test_shards", ["a-00000", "a-00001"])
    result = dg.materialize([numbers], partition_key="a-00001", instance=instance)
    assert result.success

    with psycopg2_connection(postgres_server, postgres_server.database) as connection, connection.cursor() as cursor:
        cursor.execute("select status from runs where run_id = %s", (result.run_id,))
        assert cursor.fetchall() == [("SUCCESS",)]
        cursor.execute(
            "select partition from event_logs where run_id = %s and dagster_event_type = 'ASSET_MATERIALIZATION'",
            (result.run_id,),
        )
        assert cursor.fetchall() == [("a-00001",)]
        cursor.execute("select partition from dynamic_partitions order by partition")
        assert [row[0] for row in cursor.fetchall()] == ["a-00000", "a-00001"]
    printed = [key for key in s3_server.keys(LOGS, f"dagster-logs/storage/{result.run_id}/") if key.endswith(".out")]
    assert [s3_server.read(LOGS, key) for key in printed] == [b"shard a-00001\n"]


def test_a_pools_limit_is_set_as_the_documentation_says(instance: dg.DagsterInstance):
    before = instance.event_log_storage.get_concurrency_info("gpu")
    subprocess.run(
        [sys.executable, "-m", "dagster", "instance", "concurrency", "set", "gpu", "4"], check=True, timeout=120
    )
    after = instance.event_log_storage.get_concurrency_info("gpu")
    assert (before.slot_count, after.slot_count) == (0, 4)


def test_our_assets_fill_a_lake_in_s3(instance: dg.DagsterInstance, s3_server: S3Server, s3_url: str, tmp_path: Path):
    lake = f"{s3_url}/demo"
    home = find_home(home=str(tmp_path), lake=lake, recipe=str(DEPLOY.parent / "recipes" / "demo.yaml"))
    job = build_defs(home).resolve_implicit_global_asset_job_def()

    catalog = job.execute_in_process(asset_selection=[asset_key("demo", "seed_catalog")], instance=instance)
    assert catalog.success
    shards = known_shards(instance, "demo")
    assert len(shards) > 1
    filled = job.execute_in_process(
        asset_selection=[asset_key("demo", "seeds")],
        instance=instance,
        tags={RANGE_START: shards[0], RANGE_END: shards[-1]},
    )
    assert filled.success

    assert s3_server.keys(s3_url.removeprefix("s3://"), "demo/tables/seeds/") == sorted(
        f"demo/tables/seeds/{shard}.parquet" for shard in shards
    )
    assert instance.get_materialized_partitions(asset_key("demo", "seeds")) == set(shards)
    data = Lake(lake)
    rows = sum(data.read("seeds", shard).height for shard in shards)
    assert rows == data.read("seed_catalog").height > 0
