"""Every dagster.yaml against Dagster's own schemas."""

from pathlib import Path

import pytest
import yaml
from dagster._config import process_config, validate_config
from dagster._core.instance.config import dagster_instance_config
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.workspace.config_schema import process_workspace_config
from dagster_aws.s3.compute_log_manager import S3ComputeLogManager

from unicorn_assets.postgres import BriefPostgresStorage

ROOT = Path(__file__).parents[2]
PRODUCTION = ROOT / "deploy" / "dagster.yaml"
ENVIRONMENT = {
    "DAGSTER_PG_HOST": "postgres",
    "DAGSTER_PG_PORT": "5432",
    "DAGSTER_PG_USER": "dagster",
    "DAGSTER_PG_PASSWORD": "test-secret",
    "DAGSTER_PG_DB": "dagster",
    "UNICORN_LOG_BUCKET": "logs",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def variables(tree: object) -> set[str]:
    """Names of all variables that a dagster.yaml reads."""
    if isinstance(tree, dict):
        here = {tree["env"]} if set(tree) == {"env"} else set()
        return here.union(*(variables(value) for value in tree.values()))
    return set().union(*(variables(value) for value in tree)) if isinstance(tree, list) else set()


@pytest.mark.parametrize("folder", [ROOT, PRODUCTION.parent], ids=["laptop", "production"])
def test_dagster_takes_the_file_and_sends_no_telemetry(folder):
    config, custom_class = dagster_instance_config(str(folder))
    assert custom_class is None
    assert config["telemetry"] == {"enabled": False}
    assert config["concurrency"]["pools"]["default_limit"] == 1


def test_the_laptop_needs_no_server_and_no_variable():
    config = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    assert "storage" not in config
    assert variables(config) == set()


def test_production_reads_only_known_variables():
    assert variables(yaml.safe_load(PRODUCTION.read_text())) == set(ENVIRONMENT)


@pytest.mark.parametrize("missing", sorted(ENVIRONMENT))
def test_a_missing_variable_is_an_error_and_not_a_default(monkeypatch, missing):
    monkeypatch.delenv(missing)
    config = yaml.safe_load(PRODUCTION.read_text())
    storage = process_config(BriefPostgresStorage.config_type(), config["storage"]["custom"]["config"])
    logs = process_config(S3ComputeLogManager.config_type(), config["compute_logs"]["config"])
    messages = [error.message for result in (storage, logs) for error in result.errors or []]
    assert len(messages) == 1
    assert f'"{missing}"' in messages[0]


def test_the_parts_fit_the_classes_they_are_for():
    config = yaml.safe_load(PRODUCTION.read_text())
    parts = [
        (BriefPostgresStorage, config["storage"]["custom"]["config"]),
        (S3ComputeLogManager, config["compute_logs"]["config"]),
        (QueuedRunCoordinator, config["run_coordinator"]["config"]),
    ]
    for part, value in parts:
        result = process_config(part.config_type(), value)
        assert result.success, result.errors


def test_the_database_address_names_psycopg2():
    storage = yaml.safe_load(PRODUCTION.read_text())["storage"]["custom"]
    assert (storage["module"], storage["class"]) == (BriefPostgresStorage.__module__, BriefPostgresStorage.__name__)
    config = validate_config(BriefPostgresStorage.config_type(), storage["config"]).value
    assert config["postgres_db"]["scheme"] == "postgresql+psycopg2"


@pytest.mark.parametrize("file", ["workspace.yaml", "deploy/workspace.yaml"])
def test_workspaces_fit_dagsters_schema(file):
    result = process_workspace_config(yaml.safe_load((ROOT / file).read_text()))
    assert result.success, result.errors
