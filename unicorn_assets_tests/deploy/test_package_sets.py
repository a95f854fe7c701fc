"""Each image can run what is scheduled on it: its extras are all the packages there are.

Images themselves are built by scripts/test-deploy, in minutes.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from unicorn_assets.graph import RELEASES
from unicorn_assets.lake.released import latest_release
from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.deploy import package_set
from unicorn_assets_tests.deploy.test_dockerfiles import FILES, arguments
from unicorn_assets_tests.finished import REST
from unicorn_assets_tests.plan.server import Scripted, write_recipe

CPU, GPU = (arguments(file)["EXTRAS"].split(",") for file in FILES)


def from_parquet(folder: Path, url: str) -> Path:
    """A recipe whose first source is a Parquet file, as the paper's is."""
    write_recipe(folder, url, rows=16)
    lines = (folder / "lines.txt").read_text().splitlines()
    pl.DataFrame({"caption": lines}).write_parquet(folder / "lines.parquet")
    recipe = folder / "recipe.yaml"
    text = recipe.read_text().replace("path: lines.txt}", "path: lines.parquet, columns: {text: caption}}")
    recipe.write_text(text + REST.replace("mean_shift", "realign"))
    np.save(folder / "images.npy", np.random.default_rng(0).normal(size=(40, 32)).astype(np.float32))
    return recipe


def test_the_whole_graph_runs_with_the_packages_of_the_cpu_image(tmp_path):
    """All but the encoder, whose steps are scheduled on the other image."""
    with Scripted() as server:
        recipe = from_parquet(tmp_path, server.url)
        script = [sys.executable, package_set.__file__, ",".join(CPU), "run"]
        command = [*script, "--recipe", str(recipe), "--home", str(tmp_path / "home")]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=280)
    assert done.returncode == 0, done.stdout
    lake = Lake(str(tmp_path / "home" / "lake"))
    assert [name for name in RELEASES if latest_release(lake, name) is None] == []


def test_a_package_of_another_image_is_not_there():
    """The test above would see one that is missing, and nothing else."""
    only = package_set.OnlyThese(package_set.closure(["local"]))
    for module in ("llvmlite.ir", "torch", "psycopg2", "dagster_k8s"):
        with pytest.raises(ModuleNotFoundError):
            only.find_spec(module)
    assert [only.find_spec(module) for module in ("json", "polars", "pyarrow", "dagster_aws")] == [None] * 4


@pytest.mark.parametrize(("extras", "needed"), [(CPU, "pyarrow llvmlite dagster-k8s psycopg2-binary"), (GPU, "torch")])
def test_an_image_has(extras, needed):
    assert set(needed.split()) <= package_set.closure(extras)


def test_the_cpu_image_has_no_torch():
    assert not {"torch", "vllm", "xllamacpp"} & package_set.closure(CPU)
