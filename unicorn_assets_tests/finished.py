"""A data set that the real command line has finished, from seeds to releases, for tests that then harm it.

The LLM is a script on loopback; the encoder draws vectors from a hash of the text, and Dagster's records stay in
memory, because torch and a database on disk would cost most of the time. Here: making it, and what it holds.
"""

import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner, Result

from unicorn_assets.automation import local_run
from unicorn_assets.cli import app
from unicorn_assets.graph import RELEASES
from unicorn_assets.home import Home
from unicorn_assets.lake.artifacts import NOTE, artifact_info
from unicorn_assets.lake.damage import ASIDE
from unicorn_assets.lake.released import MANIFEST, latest_release, release_folder
from unicorn_assets.lake.store import Lake
from unicorn_assets.resources.encoder import EncoderResource
from unicorn_assets_tests.plan.server import Scripted, write_recipe

REST = """
image_reference: {kind: vectors, path: images.npy}
transfer: {method: mean_shift}
checks: {max_gap_after: 9, max_separability_after: 1, min_neighbour_overlap: 0, min_accepted_captions: 0}
"""


@dataclass(frozen=True)
class Data:
    """Where the recipe of a data set lies, the home it was made in, and the LLM that wrote it."""

    recipe: Path
    home: Path
    server: Scripted
    said: str = ""  # by the run that made it

    def run(self, home: Path, *options: str) -> Result:
        """`unicorn run` of this recipe in a home."""
        return unicorn(home, "run", "--recipe", str(self.recipe), *options)


def unicorn(home: Path, *arguments: str) -> Result:
    """A command on a home, in this process."""
    return CliRunner().invoke(app, [*arguments, "--home", str(home)], env={"COLUMNS": "300"})


@contextmanager
def records_in_memory() -> Iterator[None]:
    """Keep Dagster's records of all runs in this context in one instance in memory: on disk they cost half of the CPU
    time of a run and most of its waits.
    """

    @contextmanager
    def the_same(home: Home) -> Iterator[dg.DagsterInstance]:
        yield instance

    with dg.DagsterInstance.ephemeral() as instance, pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_run, "local_instance", the_same)
        yield


@contextmanager
def finished(
    folder: Path, rows: int = 48, lake: str | None = None, parts: Sequence[tuple[str, ...]] | None = None
) -> Iterator[Data]:
    """A finished home below `folder`, its lake in it or at `lake`; the server answers as long as the context lasts.
    `parts`: assets to make, run by run, instead of all.
    """
    encoder = stand_in()
    with pytest.MonkeyPatch.context() as patch, Scripted() as server, records_in_memory():
        for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
            patch.delenv(name, raising=False)
        patch.setattr(local_run, "PARTS", parts or local_run.PARTS)
        patch.setattr(EncoderResource, "open", encoder.opened)
        write_recipe(folder, server.url, rows)
        encoder.write_images(folder / "images.npy")
        with (folder / "recipe.yaml").open("a", encoding="utf-8") as file:
            file.write(REST)
        data = Data(folder / "recipe.yaml", folder / "home", server)
        done = data.run(data.home, *(("--lake", lake) if lake else ()))
        assert done.exit_code == 0, done.output
        yield replace(data, said=done.output)


def stand_in() -> Any:
    """The module with the encoder's stand-in."""
    path = Path(__file__).parents[1] / "benchmarks" / "hostile" / "plain_encoder.py"
    spec = importlib.util.spec_from_file_location("plain_encoder", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contents(lake: Lake) -> dict[str, Any]:
    """Content hashes of all shards and artifacts of a lake and of what its newest releases hold, by name."""
    found: dict[str, Any] = {}
    for path in lake.files.walk("tables", ".parquet"):
        table, shard = path.removesuffix(".parquet").rsplit("/", 1)
        info = lake.info(table, shard)
        found[f"tables/{path}"] = info.content if info else None
    for path in lake.files.walk("vectors", ".safetensors"):
        vectors = lake.vector_info(*path.removesuffix(".safetensors").split("/"))
        found[f"vectors/{path}"] = vectors.content if vectors else None
    for name in lake.files.names("artifacts"):
        if not name.endswith(NOTE) and ASIDE not in name:
            artifact = artifact_info(lake, name)
            found[f"artifacts/{name}"] = artifact.content if artifact else None
    for asset in RELEASES:
        version = latest_release(lake, asset)
        folder = release_folder(asset, version or "")
        found[folder] = json.loads(lake.files.read(f"{folder}/{MANIFEST}"))["files"] if version else None
    return found
