"""The assets transfer and image_embeddings: what they read, what they store, and a move that somebody else fitted."""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from unicorn_assets.assets.embeddings import REFERENCE
from unicorn_assets.assets.transfer import TRANSFER, build
from unicorn_assets.assets.whole_work import finished
from unicorn_assets.errors import UserError
from unicorn_assets.images.reference import ImageReference
from unicorn_assets.keys import asset_key, step_key
from unicorn_assets.lake.artifacts import artifact_info, read_artifact, write_artifact
from unicorn_assets.lake.files import Files
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.partitions import register
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import EncoderResource, LakeResource, ProgressResource, RecipeResource
from unicorn_assets.transfer import METHODS, Transfer, fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.shard_statistics import keep_statistics
from unicorn_assets.vectors.statistics import Statistics
from unicorn_assets_tests.checks.test_queries import RECIPE

SPACE = Space("test", "1", 8)
ABOUT = {"encoder": "test", "revision": "1", "dimension": 8}
RANDOM = np.random.default_rng(0)
IMAGES = (RANDOM.normal(size=(200, 8)) - 0.3).astype(np.float16)
TEXTS = [(RANDOM.normal(size=(100, 8)) + 0.5).astype(np.float16) for _ in range(6)]


def shard(number: int) -> str:
    return f"tiny-{number:05d}"


def add(lake: Lake, number: int, keep: bool) -> None:
    ids = [f"{shard(number)}-{row}" for row in range(100)]
    if keep:
        keep_statistics(lake, "text_embeddings", shard(number), ids, TEXTS[number], SPACE)
    lake.write_vectors("text_embeddings", shard(number), ids, TEXTS[number], Made(), ABOUT)


def filled(folder: Path, shards: int, keep: bool = False) -> Lake:
    lake = Lake(str(folder))
    reference = ImageReference(Statistics(SPACE, covariance=True).add(IMAGES), IMAGES, source="made up")
    write_artifact(lake, REFERENCE, reference.to_bytes(), Made())
    for number in range(shards):
        add(lake, number, keep)
    return lake


def recipe(**transfer: Any) -> Recipe:
    return RECIPE.model_copy(update={"transfer": RECIPE.transfer.model_copy(update=transfer)})


def materialize(lake: Lake, wanted: Recipe, shards: int, asset: str = "transfer") -> dict[str, Any]:
    resources = {
        "lake": LakeResource(url=lake.url, variant=RecipeResource()), "progress": ProgressResource(),
        "encoder": EncoderResource(recipe="r.yaml", variant=RecipeResource()),
    }  # fmt: skip
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, wanted.name, [shard(number) for number in range(shards)])
        job = dg.Definitions(build(wanted), resources=resources).resolve_implicit_global_asset_job_def()
        key = shard(0) if asset == "image_embeddings" else None
        result = job.execute_in_process(
            instance=instance, asset_selection=[asset_key(wanted.name, asset)], partition_key=key
        )
        (event,) = result.asset_materializations_for_node(step_key(wanted.name, asset))
        return {name: value.value for name, value in event.metadata.items()}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Vector files that were read whole."""
    found: list[str] = []
    read = Files.read

    def counting(self: Files, name: str) -> bytes:
        if name.startswith("vectors/"):
            found.append(name)
        return read(self, name)

    monkeypatch.setattr(Files, "read", counting)
    return found


@pytest.mark.parametrize("method", ["mean_shift", "realign", "aniso_init"])
def test_one_more_shard_reads_one_shard(method: str, tmp_path: Path, opened: list[str]) -> None:
    lake, wanted = filled(tmp_path, 5), recipe(method=method)
    materialize(lake, wanted, 5)
    assert len(opened) == 5
    opened.clear()
    add(lake, 5, keep=False)
    metadata = materialize(lake, wanted, 6)
    assert opened == [f"vectors/text_embeddings/{shard(5)}.safetensors"]
    assert metadata["text vectors"] == 600
    expected = fit(method, 1, Statistics(SPACE, covariance=True).add(IMAGES), lambda: TEXTS)
    found = Transfer.from_bytes(read_artifact(lake, TRANSFER))
    if method == "realign":  # every row is in the sample here, so that only its rounding is left
        np.testing.assert_allclose(found.parameters["offset"], expected.parameters["offset"], atol=1e-4)
    elif method == "mean_shift":
        assert found.parameters["text_mean"].tobytes() == expected.parameters["text_mean"].tobytes()


def test_what_the_writer_kept_spares_even_that(tmp_path: Path, opened: list[str]) -> None:
    lake = filled(tmp_path, 3, keep=True)
    materialize(lake, recipe(), 3)
    assert opened == []
    materialize(lake, recipe(passes_over="all"), 3)
    assert len(opened) == 3, "one pass over all shards was asked for"


@pytest.mark.parametrize("method", METHODS)
def test_stored_vectors_are_moved_unit_rows_without_noise(method: str, tmp_path: Path) -> None:
    lake, wanted = filled(tmp_path, 2, keep=True), recipe(method=method)
    lake.write("captions", shard(0), captions(100), Made())
    materialize(lake, wanted, 2)
    metadata = materialize(lake, wanted, 2, "image_embeddings")
    ids, stored = lake.read_vectors("image_embeddings", shard(0))
    move = Transfer.from_bytes(read_artifact(lake, TRANSFER))
    assert ids[3] == f"{shard(0)}-3"
    np.testing.assert_allclose(np.linalg.norm(stored.astype(float), axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(stored.astype(float), move.apply(TEXTS[0]), atol=1e-3)
    assert metadata["method"] == method
    assert metadata.get("noise cosine") == (0.7 if method == "c3" else None)


def captions(rows: int):  # type: ignore[no-untyped-def]
    import polars as pl

    from unicorn_assets.lake.schemas import polars_schema

    empty = pl.DataFrame(schema=polars_schema("captions"))
    ids = [f"{shard(0)}-{row}" for row in range(rows)]
    return pl.concat([empty, pl.DataFrame({"caption_id": ids})], how="diagonal")


def test_a_given_move_is_used_as_it_is(tmp_path: Path) -> None:
    lake = filled(tmp_path / "lake", 2, keep=True)
    theirs = fit("mean_shift", 1, Statistics(SPACE).add(IMAGES), lambda: [TEXTS[5]])
    (tmp_path / "theirs.safetensors").write_bytes(theirs.to_bytes())
    metadata = materialize(lake, recipe(file=str(tmp_path / "theirs.safetensors")), 2)
    assert Transfer.from_bytes(read_artifact(lake, TRANSFER)).version() == theirs.version()
    assert metadata["text vectors of the file"] == 100
    info = artifact_info(lake, TRANSFER)
    assert info is not None
    assert "text vectors" not in info.extra
    other = fit("mean_shift", 1, Statistics(Space("test", "2", 8)).add(IMAGES), lambda: [TEXTS[5]])
    (tmp_path / "other.safetensors").write_bytes(other.to_bytes())
    os.mkfifo(tmp_path / "pipe.safetensors")
    for file, words in (("other", "come from test"), ("gone", "there is no such file"), ("pipe", "a pipe, not a file")):
        with pytest.raises(dg.Failure, match=words):
            materialize(lake, recipe(file=str(tmp_path / f"{file}.safetensors")), 2)


def test_a_lake_whose_captions_were_all_refused_is_told_to_look_into_the_quarantine(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.write_vectors("text_embeddings", shard(0), [], np.zeros((0, 8), np.float16), Made(), ABOUT)
    with pytest.raises(UserError, match="no caption was accepted in 1 finished shards") as told:
        finished(lake, "text_embeddings", [shard(0), shard(1)])
    assert "unicorn quarantine" in told.value.hint
