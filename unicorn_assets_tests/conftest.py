"""Fixtures that several rooms share: a lake on disk, on S3, or on both in turn."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.servers import S3Server, s3_server

__all__ = ["s3_server"]

# How long an example takes depends on what else the machine does; a test says nothing about that.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


# Commands that tests start as processes of their own keep what they compiled; else each compiles 3,000 modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A width that is there when the console is made stays for good; xdist gives its workers one.
os.environ.pop("COLUMNS", None)


TESTS = Path(__file__).parent
LONGEST = (
    "e2e/test_demo.py", "benchmarks/test_hostile.py", "tools/pocket/test_train.py", "cli/test_real_disks.py",
    "cli/test_machine_errors.py", "benchmarks/test_engine_stress.py", "cli/test_quarantine.py", "cli/test_mending.py",
    "instructions/test_new_task.py", "encoders/test_strange_folders.py", "images/test_building.py",
    "assets/test_gap.py", "automation/test_servers.py", "cli/test_ending.py",
)  # fmt: skip
"""Files that take longest. Workers that share the tests begin with them: a long file begun last leaves the others
without work.
"""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        ranks = {TESTS / name: rank for rank, name in enumerate(LONGEST)}
        items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture
def s3_url(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A fresh bucket as s3://..., which a Lake opens without options: the environment says where S3 is."""
    from s3fs import S3FileSystem

    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    yield s3_server.make_bucket(f"lake-{uuid.uuid4().hex[:12]}")
    S3FileSystem.clear_instance_cache()


@pytest.fixture(params=["disk", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """An empty lake on disk, then one on S3."""
    return Lake(str(tmp_path / "lake") if request.param == "disk" else f"{request.getfixturevalue('s3_url')}/data/lake")


@pytest.fixture
def disk_lake(tmp_path: Path) -> Lake:
    """An empty lake on disk."""
    return Lake(str(tmp_path / "lake"))
