"""The fitted move in a release: there when real images need it, readable, told of by the card."""

from pathlib import Path

import numpy as np
import pytest

from unicorn_assets.assets.releases import facts as facts_of_assets
from unicorn_assets.lake.artifacts import write_artifact
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.release import release_instruction, release_pretrain, verify_release
from unicorn_assets.transfer import Transfer, fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics
from unicorn_assets_tests.small_lake import DIMENSION, SHARDS, facts, fill, small_recipe, vectors_of

RECIPE = small_recipe()
TITLE = "## Real images at use"


def moved_lake(lake: Lake, method: str) -> Transfer:
    """Fill the lake and give it a move of that method, kept as the assets keep it."""
    fill(lake)
    images, text = (vectors_of([f"{side}-{row}" for row in range(40)]) + shift for side, shift in (("i", 1), ("t", -1)))
    space = Space("pocket", "r1", DIMENSION)
    fitted = fit(method, 1, Statistics(space).add(images), lambda: [text], space=space)
    write_artifact(lake, "transfer.safetensors", fitted.to_bytes(), Made())
    return fitted


@pytest.mark.parametrize("method", ["mean_shift", "realign"])
def test_the_pretraining_release_ships_the_move_for_real_images(disk_lake: Lake, method: str) -> None:
    fitted = moved_lake(disk_lake, method)
    write_artifact(disk_lake, "modality_gap.json", b'{"before": {}, "after": {}}', Made())
    known = facts_of_assets(disk_lake, RECIPE)
    info = release_pretrain(disk_lake, RECIPE, SHARDS, known)
    assert verify_release(info.path) == []
    shipped = Transfer.from_bytes(Path(info.path, "transfer.safetensors").read_bytes())
    assert (shipped.method, shipped.version()) == (method, fitted.version())
    images = vectors_of(["one", "two", "three"])
    moved = shipped.image_side(images, space=Space("pocket", "r1", DIMENSION))
    assert np.array_equal(moved, fitted.image_side(images))
    text = Path(info.path, "README.md").read_text(encoding="utf-8")
    assert TITLE in text
    told = "subtract its `image_mean` from each unit vector" in text
    assert told == fitted.moves_images == (not np.allclose(moved, images, atol=1e-6))
    if told:  # by hand, as the card says
        by_hand = images - shipped.parameters["image_mean"]
        assert np.allclose(moved, by_hand / np.linalg.norm(by_hand, axis=1, keepdims=True), atol=1e-6)


def test_instructions_point_to_the_pretraining_release(disk_lake: Lake) -> None:
    fitted = moved_lake(disk_lake, "realign")
    known = facts(transfer_version=fitted.version(), moves_images=fitted.moves_images)
    info = release_instruction(disk_lake, RECIPE, SHARDS, known)
    assert not Path(info.path, "transfer.safetensors").exists()
    text = Path(info.path, "README.md").read_text(encoding="utf-8")
    assert TITLE in text
    assert ("of the pretraining release" in text) == fitted.moves_images


def test_without_a_move_nothing_is_shipped(disk_lake: Lake) -> None:
    moved_lake(disk_lake, "none")
    write_artifact(disk_lake, "modality_gap.json", b'{"before": {}, "after": {}}', Made())
    known = facts_of_assets(disk_lake, RECIPE)
    assert known.transfer == "none"
    info = release_pretrain(disk_lake, RECIPE, SHARDS, known)
    assert not Path(info.path, "transfer.safetensors").exists()
    assert TITLE not in Path(info.path, "README.md").read_text(encoding="utf-8")
