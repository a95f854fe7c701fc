"""What the processes of steps share is loaded without a thread, and knows the modules of the instance."""

from pathlib import Path

import pytest

from unicorn_assets.automation.forked import of_the_instance

ROOT = Path(__file__).parents[2]


def test_the_instances_own_file_says_what_else_is_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT / "deploy"))
    assert {"unicorn_assets.postgres", "dagster_aws.s3.compute_log_manager"} <= set(of_the_instance())
    monkeypatch.setenv("DAGSTER_HOME", str(ROOT))
    assert of_the_instance() == []
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert of_the_instance() == []
