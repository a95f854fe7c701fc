"""text_embeddings and image_reference: what their metadata says, and that other weights are other vectors."""

from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from unicorn_assets.assets.embeddings import REFERENCE, build
from unicorn_assets.encoders import identify
from unicorn_assets.keys import asset_key, step_key
from unicorn_assets.lake.artifacts import artifact_info
from unicorn_assets.lake.store import Lake
from unicorn_assets.partitions import PARTITION, register
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import EncoderResource, LakeResource, ProgressResource, RecipeResource
from unicorn_assets.resources.loaded import keep
from unicorn_assets_tests.encoders.conftest import TINY, save_model
from unicorn_assets_tests.images.pictures import encoded, write_tar
from unicorn_assets_tests.lakes import SHARD, tiny_lake
from unicorn_assets_tests.recipes import recipe_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", TINY)
    write_tar(tmp_path / "streets.tar", {f"{i}.png": encoded(i) for i in range(8)} | {"bad.png": b"x"})
    return tmp_path


def recipe(folder: Path) -> Recipe:
    made = recipe_of(
        folder,
        encoder={"kind": "open_clip", "model": "local-dir:model", "device": "cpu"},
        image_reference={"kind": "images", "path": "streets.tar", "name": "street-scenes"},
    )
    keep(str(folder / "recipe.yaml"), made)
    return made


def materialize(lake: Lake, folder: Path, name: str) -> dict[str, Any]:
    """Run one asset; its metadata."""
    resources = {
        "lake": LakeResource(url=lake.url, variant=RecipeResource()), "progress": ProgressResource(),
        "encoder": EncoderResource(recipe=str(folder / "recipe.yaml"), variant=RecipeResource()),
    }  # fmt: skip
    (asset,) = [asset for asset in build(recipe(folder)) if asset_key("test", name) in asset.keys]
    tags = {PARTITION: SHARD} if asset.partitions_def else {}
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, "test", [SHARD])
        result = dg.materialize(
            [asset], instance=instance, resources=resources, tags=tags, partition_key=SHARD if tags else None
        )
        (event,) = result.asset_materializations_for_node(step_key("test", name))
        return {key: value.value for key, value in event.metadata.items()}


def test_text_embeddings_name_their_encoder_and_what_was_cut(folder: Path) -> None:
    tables = tiny_lake()
    tables.change("captions", "text", "word " * 30, row=2)
    lake = tables.write(folder / "lake")
    name, revision = identify(recipe(folder))
    metadata = materialize(lake, folder, "text_embeddings")
    expected = {"encoder": name, "revision": revision, "dimension": 16, "window": 24, "dtype": "fp32", "reused": False}
    assert expected.items() <= metadata.items()
    assert metadata["truncated"] == 1
    assert metadata["truncated ids"] == [f"c{2:016x}"]
    info = lake.vector_info("text_embeddings", SHARD)
    assert info is not None
    assert info.extra["dtype"] == "fp32"


def test_other_weights_are_encoded_again_and_equal_ones_are_not(folder: Path) -> None:
    lake = tiny_lake().write(folder / "lake")
    materialize(lake, folder, "text_embeddings")
    _, before = lake.read_vectors("text_embeddings", SHARD)
    assert materialize(lake, folder, "text_embeddings")["reused"]
    save_model(folder / "model", TINY, seed=1)
    assert not materialize(lake, folder, "text_embeddings")["reused"]
    _, after = lake.read_vectors("text_embeddings", SHARD)
    assert np.abs(before.astype(float) - after.astype(float)).max() > 1e-2


def test_the_image_reference_has_a_name_a_version_and_a_list_of_bad_images(folder: Path) -> None:
    lake = Lake(str(folder / "lake"))
    metadata = materialize(lake, folder, "image_reference")
    assert metadata["name"] == "street-scenes"
    assert (metadata["images"], metadata["images set aside"]) == (8, 1)
    assert metadata["set aside"] == ["streets.tar/bad.png: not an image that can be recognised"]
    assert (metadata["window"], metadata["dtype"]) == (24, "fp32")
    info = artifact_info(lake, REFERENCE)
    assert info is not None
    assert info.extra["version"] == metadata["version"]
    assert materialize(lake, folder, "image_reference")["reused"]


def test_only_images_ask_for_a_gpu(folder: Path) -> None:
    def pool_of(settings: dict[str, str], device: str) -> str | None:
        made = recipe_of(
            folder,
            encoder={"kind": "open_clip", "model": "local-dir:model", "device": device},
            image_reference=settings,
        )
        (asset,) = [asset for asset in build(made) if asset_key("test", "image_reference") in asset.keys]
        return asset.op.pool

    images, file = {"kind": "images", "path": "streets.tar"}, {"kind": "vectors", "path": "v.npy"}
    assert pool_of(images, "auto") == "gpu"
    assert pool_of(images, "cpu") is None
    assert pool_of(file, "auto") is None
