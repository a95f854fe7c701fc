"""A finished lake of 200 seeds, made as benchmarks/lineage.py makes its own, which tests of this room read."""

import importlib.util
from pathlib import Path

import pytest

MAKER = Path(__file__).parents[2] / "benchmarks" / "synthetic_lake.py"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of recipe.yaml and lake/: 4 shards of at most 64 rows, two pretraining releases, one of instructions."""
    spec = importlib.util.spec_from_file_location("synthetic_lake", MAKER)
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    maker.SHARD_ROWS, maker.DIMENSION, maker.VARIANTS = 40, 8, 2
    folder = tmp_path_factory.mktemp("synthetic")
    maker.make(folder, 200, lambda _: None)
    return folder
