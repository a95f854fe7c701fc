"""The image reference from images, from vectors and from the pocket encoder; damaged images are set aside."""

import json
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from safetensors.numpy import save_file

from unicorn_assets.encoders import Encoder, identify, open_encoder, pocket
from unicorn_assets.encoders.pocket.files import WEIGHTS
from unicorn_assets.errors import UserError
from unicorn_assets.images.building import (
    IMAGES_AT_A_TIME,
    build_image_reference,
    reference_version,
)
from unicorn_assets.images.decoding import THREADS
from unicorn_assets.images.reference import ImageReference
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.recipe import Recipe
from unicorn_assets.vectors.rows import unit_rows
from unicorn_assets_tests.encoders.conftest import TINY, save_model
from unicorn_assets_tests.images.pictures import encoded, write_parquet, write_tar
from unicorn_assets_tests.recipes import recipe_of

WIDTHS = sorted({file.parent.name for file in Path(pocket.__file__).parent.glob(f"*/{WEIGHTS}")} - {"photo"})
assert "narrow" in WIDTHS


def reference_recipe(folder: Path, kind: str, path: str) -> Recipe:
    model = "local-dir:model"
    return recipe_of(
        folder, encoder={"kind": "open_clip", "model": model}, image_reference={"kind": kind, "path": path}
    )


def never() -> Encoder:
    raise AssertionError("vectors need no encoder")


def vectors(n: int = 3000, d: int = 16) -> np.ndarray:
    return (np.random.default_rng(0).normal(size=(n, d)) + 0.5).astype(np.float16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", TINY)
    return tmp_path


def colours(folder: Path, n: int) -> list[Path]:
    (folder / "images" / "more").mkdir(parents=True)
    files = [folder / "images" / ("more" if i % 2 else "") / f"{i:03}.png" for i in range(n)]
    for i, file in enumerate(files):
        Image.new("RGB", (20, 20), (i * 3 % 256, 255 - i, i * 7 % 256)).save(file)
    return files


def test_images_become_statistics_and_bad_files_are_set_aside(folder: Path) -> None:
    files = colours(folder, 70)
    (folder / "images" / "notes.txt").write_text("not an image", encoding="utf-8")
    (folder / "images" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (folder / "images" / "cut.png").write_bytes(files[0].read_bytes()[:60])
    (folder / "images" / "empty.webp").write_bytes(b"")
    recipe, done = reference_recipe(folder, "images", "images"), []
    encoder = open_encoder(recipe)
    found = build_image_reference(recipe, lambda: encoder, done.append)
    assert found.statistics.n == 70 == sum(done)
    assert [file for file, _ in found.corrupt] == ["broken.jpg", "cut.png", "empty.webp"]
    assert all(reason for _, reason in found.corrupt)
    order = sorted(files, key=lambda file: str(file.relative_to(folder / "images")))
    expected = encoder.encode_images([Image.open(file) for file in order])
    np.testing.assert_allclose(found.statistics.mean, unit_rows(expected).mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found.sample, expected, atol=2e-3)
    assert found.space.encoder == "local-dir:model"


def test_folders_without_usable_images(folder: Path) -> None:
    recipe = reference_recipe(folder, "images", "images")
    encoder = open_encoder(recipe)
    with pytest.raises(UserError, match="no such folder or file"):
        build_image_reference(recipe, lambda: encoder)
    (folder / "images").mkdir()
    (folder / "images" / "a.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match="no images"):
        build_image_reference(recipe, lambda: encoder)
    (folder / "images" / "a.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"none of the 1 images can be read; a\.png"):
        build_image_reference(recipe, lambda: encoder)


def write_vectors(folder: Path, kind: str, rows: np.ndarray, ids: Sequence[str]) -> str:
    if kind == "npy":
        np.save(folder / "v.npy", rows)
    elif kind == "parquet":
        pl.DataFrame({"id": ids, "vector": rows.astype(np.float32).tolist()}).write_parquet(folder / "v.parquet")
    elif kind == "lake":
        Lake(str(folder)).write_vectors("v", "all", ids, rows, Made())
        return "vectors/v/all.safetensors"
    else:
        save_file({"embeddings": rows}, folder / "v.safetensors")
    return f"v.{kind}"


@pytest.mark.parametrize("kind", ["npy", "parquet", "safetensors", "lake"])
def test_vectors_of_every_format_give_the_same_reference(folder: Path, kind: str) -> None:
    rows = vectors(20_000)
    path = write_vectors(folder, kind, rows, [f"i{i}" for i in range(len(rows))])
    done: list[int] = []
    found = build_image_reference(reference_recipe(folder, "vectors", path), never, done.append)
    assert found.statistics.n == sum(done) == 20_000
    assert found.sample.shape == (2000, 16)
    np.testing.assert_allclose(found.statistics.mean, unit_rows(rows).mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.sample.astype(float).mean(0), found.statistics.mean, atol=0.03)


@pytest.mark.parametrize("kind", ["parquet", "lake"])
def test_ids_name_bad_rows_and_must_differ(folder: Path, kind: str) -> None:
    rows, ids = vectors(9000), [f"i{i}" for i in range(9000)]
    rows[8500, 3] = np.inf
    recipe = reference_recipe(folder, "vectors", write_vectors(folder, kind, rows, ids))
    with pytest.raises(UserError, match=r"row 8500 \(id i8500\) has Inf in column 3"):
        build_image_reference(recipe, never)
    ids[8] = "i2"
    write_vectors(folder, kind, rows, ids)
    with pytest.raises(UserError, match="'i2' occurs twice, in rows 2 and 8"):
        build_image_reference(recipe, never)


def test_files_that_hold_no_vectors_are_refused_in_words(folder: Path) -> None:
    def refused(name: str, match: str) -> None:
        with pytest.raises(UserError, match=match):
            build_image_reference(reference_recipe(folder, "vectors", name), never)

    refused("none.npy", "no such file")
    refused("v.pkl", "read from .safetensors, .npy or .parquet")
    (folder / "cut.safetensors").write_bytes(b"x" * 20)
    (folder / "cut.npy").write_bytes(b"\x93NUMPY")
    (folder / "cut.parquet").write_bytes(b"PAR1")
    for name in ("cut.safetensors", "cut.npy", "cut.parquet"):
        refused(name, "cannot read vectors")
    np.save(folder / "objects.npy", np.array([{"a": 1}], object), allow_pickle=True)
    refused("objects.npy", "cannot read vectors")
    np.save(folder / "flat.npy", np.ones(5))
    refused("flat.npy", "shape")
    np.save(folder / "empty.npy", np.ones((0, 4), np.float32))
    refused("empty.npy", "no vectors")
    pl.DataFrame({"id": ["a"], "text": ["b"]}).write_parquet(folder / "text.parquet")
    refused("text.parquet", "no column of vectors among id, text")
    pl.DataFrame({"vector": [[1.0, 2.0], [1.0]]}).write_parquet(folder / "ragged.parquet")
    refused("ragged.parquet", "row 1 holds 1 numbers, row 0 holds 2")
    pl.DataFrame({"vector": [[1.0, 2.0], None]}).write_parquet(folder / "null.parquet")
    refused("null.parquet", "row 1 holds None numbers")


def test_vectors_of_another_encoder_are_refused(folder: Path) -> None:
    recipe = reference_recipe(folder, "vectors", "v.safetensors")
    name, revision = identify(recipe)
    rows = vectors(100)
    save_file({"vectors": rows}, folder / "v.safetensors", metadata={"encoder": name, "revision": revision})
    assert build_image_reference(recipe, never).statistics.n == 100
    save_file({"vectors": rows}, folder / "v.safetensors", metadata={"encoder": "siglip", "revision": "1"})
    with pytest.raises(UserError, match="come from siglip"):
        build_image_reference(recipe, never)
    extra = {"encoder": "siglip", "revision": "1"}
    Lake(str(folder)).write_vectors("v", "all", [str(i) for i in range(100)], rows, Made(), extra)
    with pytest.raises(UserError, match="come from siglip"):
        build_image_reference(reference_recipe(folder, "vectors", "vectors/v/all.safetensors"), never)


def test_versions_follow_files_and_encoder(folder: Path) -> None:
    images, file = reference_recipe(folder, "images", "images"), reference_recipe(folder, "vectors", "v.npy")
    assert reference_version(images) != reference_version(file)
    absent = reference_version(images)
    colours(folder, 3)
    three = reference_version(images)
    assert absent != three == reference_version(images)
    (folder / "images" / "002.png").unlink()
    assert reference_version(images) != three
    np.save(folder / "v.npy", vectors(10))
    ten = reference_version(file)
    np.save(folder / "v.npy", vectors(10) * 2)
    assert reference_version(file) != ten
    save_model(folder / "model", TINY, seed=1)
    assert reference_version(images) != three


def test_bytes_and_back(folder: Path) -> None:
    np.save(folder / "v.npy", vectors(200))
    found = build_image_reference(reference_recipe(folder, "vectors", "v.npy"), never)
    found.corrupt.append(("a.png", "damaged"))
    assert found.name == "v"
    back = ImageReference.from_bytes(found.to_bytes())
    assert back.to_bytes() == found.to_bytes()
    assert back.corrupt == [("a.png", "damaged")]
    assert back.evaluation is None
    np.testing.assert_array_equal(back.sample, found.sample)
    assert str(folder) not in json.dumps([back.source, back.space.encoder])


def test_shards_and_folders_of_the_same_images_give_the_same_statistics(folder: Path) -> None:
    pictures = [encoded(i) for i in range(12)]
    (folder / "images").mkdir()
    for i, data in enumerate(pictures):
        (folder / "images" / f"{i:02}.png").write_bytes(data)
    half = {f"{i:02}.png": data for i, data in enumerate(pictures[:6])}
    write_tar(folder / "shards" / "a.tar", half | {"note.txt": b"x", "cut.png": pictures[0][:40]})
    write_parquet(folder / "shards" / "b.parquet", [*pictures[6:], None])
    recipe = reference_recipe(folder, "images", "images")
    encoder = open_encoder(recipe)
    one = build_image_reference(recipe, lambda: encoder)
    two = build_image_reference(reference_recipe(folder, "images", "shards/*"), lambda: encoder)
    assert one.statistics.n == two.statistics.n == 12
    np.testing.assert_allclose(one.statistics.mean, two.statistics.mean, atol=1e-6)
    assert (one.set_aside, two.set_aside) == (0, 2)
    assert [name for name, _ in two.corrupt] == ["a.tar/cut.png", "b.parquet#6"]
    assert (one.name, two.name) == ("images", "shards")
    assert one.encoder == {"window": 24, "dtype": "fp32"}


def test_memory_does_not_grow_with_the_number_of_images(folder: Path) -> None:
    """Only prepared images wait: at most one group of them and a few that were read ahead."""
    write_tar(folder / "a.tar", {f"{i:03}.png": encoded(i) for i in range(300)})
    recipe = reference_recipe(folder, "images", "a.tar")
    encoder = open_encoder(recipe)
    alive, most = weakref.WeakSet[Any](), 0
    prepare = encoder.prepare_image

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(encoder, name)

        def prepare_image(self, image: Image.Image) -> Any:
            nonlocal most
            made = prepare(image)
            alive.add(made)
            most = max(most, len(alive))
            return made

    found = build_image_reference(recipe, Counting)
    assert found.statistics.n == 300
    assert IMAGES_AT_A_TIME <= most <= IMAGES_AT_A_TIME + 3 * THREADS


def test_a_reference_of_another_lake_is_taken_as_it_is(folder: Path) -> None:
    np.save(folder / "v.npy", vectors(200))
    made = build_image_reference(reference_recipe(folder, "vectors", "v.npy"), never)
    (folder / "streets.safetensors").write_bytes(made.to_bytes())
    recipe = reference_recipe(folder, "reference", "streets.safetensors")
    found = build_image_reference(recipe, never)
    assert found.version() == made.version()
    assert found.name == "v"
    named = recipe.model_copy(
        update={"image_reference": recipe.image_reference.model_copy(update={"name": "street-scenes"})}
    )
    named._folder = folder
    assert build_image_reference(named, never).name == "street-scenes"
    assert reference_version(named) != reference_version(recipe)
    save_model(folder / "model", TINY, seed=1)
    with pytest.raises(UserError, match=r"images of streets\.safetensors come from local-dir:model"):
        build_image_reference(recipe, never)
    (folder / "streets.safetensors").write_bytes(b"anything")
    with pytest.raises(UserError, match=r"streets\.safetensors: this is not a readable image reference"):
        build_image_reference(recipe, never)


@pytest.mark.parametrize("width", WIDTHS)
def test_pocket_reference_agrees_with_its_encoder(tmp_path: Path, width: str) -> None:
    recipe = recipe_of(tmp_path, encoder={"kind": "pocket", "width": width})
    encoder = open_encoder(recipe)
    found = build_image_reference(recipe, never)
    assert found.evaluation is not None
    assert (found.space.encoder, found.space.revision) == (f"pocket-{width}", encoder.revision)
    assert found.name == "pocket-icons"
    assert found.space.dimension == encoder.dimension == found.sample.shape[1]
    covariance = found.statistics.covariance
    assert covariance is not None
    # The shipped covariance and mean are those of unit vectors: the trace identity ties the two together.
    assert np.trace(covariance) == pytest.approx(found.statistics.trace, abs=1e-4)
    sample_mean = unit_rows(found.sample).mean(axis=0)
    assert np.linalg.norm(sample_mean - found.statistics.mean) < 5 * np.sqrt(found.statistics.trace / len(found.sample))
    pairs = found.evaluation
    assert len(pairs.text) == len(pairs.image) == len(pairs.ids) == len(pairs.unseen)
    assert 0 < pairs.unseen.mean() < 0.5
    back = ImageReference.from_bytes(found.to_bytes())
    assert back.version() == found.version()
    assert back.evaluation is not None
    np.testing.assert_array_equal(back.evaluation.unseen, pairs.unseen)
