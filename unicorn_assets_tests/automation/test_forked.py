"""What the processes of steps share is loaded without a thread, and knows the modules of the instance."""

import os
import subprocess
import sys
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


def test_what_steps_are_forks_of_has_no_thread_and_nothing_to_collect(tmp_path: Path) -> None:
    told = "import gc, threading, unicorn_assets.automation.forked; "
    told += "print(gc.isenabled(), gc.get_freeze_count() > 100_000, threading.active_count())"
    done = subprocess.run(
        [sys.executable, "-c", told], env={**os.environ, "UNICORN_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "True", "1"], done.stderr
    assert "leak" not in done.stderr
