"""The photo width: one vector of three ways, from weights that ship; no picture of a test set is needed to see that."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tools.photo.maps import find, likeness, unit
from tools.photo.train import OPEN_CLIP_CONFIG
from unicorn_assets.encoders import identify, open_encoder
from unicorn_assets.encoders.pocket.encoder import PocketEncoder
from unicorn_assets.encoders.pocket.files import CONFIG, model_folder
from unicorn_assets.encoders.pocket.photo_model import BLOCKS, DIMENSION
from unicorn_assets.errors import UserError
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets_tests.recipes import recipe_of

LARGEST = 18_000_000  # bytes: the image tower with its classifier has 6.1 million weights of 2 bytes, the maps 2.5


@pytest.fixture(scope="module")
def encoder() -> PocketEncoder:
    return PocketEncoder("photo")


def test_unit_rows_whose_blocks_are_equally_long(encoder: PocketEncoder) -> None:
    picture = Image.new("RGB", (90, 60), "white")
    ImageDraw.Draw(picture).ellipse((20, 5, 70, 55), fill=(240, 120, 10))
    texts, images = encoder.encode_texts(["A dog.", "an orange", ""]), encoder.encode_images([picture])
    assert encoder.dimension == DIMENSION == 1280
    for rows in (texts, images):
        assert np.abs(np.linalg.norm(rows, axis=1) - 1).max() < 1e-5
        for block in np.split(rows, np.cumsum(BLOCKS)[:-1], axis=1):
            assert np.abs(np.linalg.norm(block, axis=1) - (1 / 3) ** 0.5).max() < 1e-3
    assert (images @ texts.T)[0].argmax() == 1, "an orange disc is more like an orange than like a dog"


def test_every_way_ties_a_class_s_name_to_what_its_pictures_give(encoder: PocketEncoder) -> None:
    """A picture that the classifier is sure of, without a picture: its features are a class's row, scaled."""
    import torch
    from open_clip import IMAGENET_CLASSNAMES

    tower = encoder.pocket.model.visual.trunk
    chosen = list(range(0, 1000, 50))
    rows = tower.photo.get_classifier().weight[chosen]
    with torch.inference_mode():
        images = tower.joined(0.2 + 8 * rows / rows.norm(dim=1, keepdim=True)).numpy()
    texts = encoder.encode_texts([f"a picture of a {IMAGENET_CLASSNAMES[i]}" for i in chosen])
    for number, start in enumerate(np.cumsum((0, *BLOCKS[:-1]))):
        part = slice(start, start + BLOCKS[number])
        found = (images[:, part] @ texts[:, part].T).argmax(axis=1)
        assert np.mean(found == np.arange(len(chosen))) > 0.7, number


def test_a_recipe_s_encoder_is_this_one_and_needs_real_pictures(encoder: PocketEncoder, tmp_path: Path) -> None:
    chosen = {"kind": "pocket", "width": "photo", "device": "cpu"}
    recipe = recipe_of(tmp_path, encoder=chosen, image_reference={"kind": "images", "path": "x"})
    assert identify(recipe) == (encoder.name, encoder.revision) == ("pocket-photo", encoder.revision)
    assert isinstance(open_encoder(recipe), PocketEncoder)
    file = tmp_path / "r.yaml"
    sections = {"name": "r", "sources": [{"name": "a", "path": "a.txt"}], "llm": {}, "encoder": chosen}
    file.write_text(json.dumps(sections), encoding="utf-8")
    with pytest.raises(UserError, match="image_reference kind 'pocket'"):
        load_recipe(file)


def test_the_shipped_files_are_small_and_name_no_folder() -> None:
    folder = model_folder("photo")
    assert json.loads((folder / CONFIG).read_text(encoding="utf-8")) == OPEN_CLIP_CONFIG
    assert all(file.stat().st_size < LARGEST for file in folder.iterdir())


def test_the_maps_bring_names_to_their_rows() -> None:
    rng = np.random.default_rng(0)
    names, turn = rng.normal(size=(2, 600, 384)), rng.normal(size=(384, 1280))
    names[1] = names[0] + 0.05 * names[1]
    names = np.stack([unit(part) for part in names])
    rows = unit((names[0] - names[0].mean(axis=0)) @ turn)
    maps = find(names, rows, np.empty((0, 10, 384)), rng.normal(size=(10, 1280)), np.zeros(1280))
    told = unit((names[1] - maps.text_mean) @ maps.text_features)
    assert np.mean((told @ (rows @ maps.image_features).T).argmax(axis=1) == np.arange(600)) > 0.95
    assert np.allclose(maps.image_features.T @ maps.image_features, np.eye(384), atol=1e-8)
    assert np.allclose(likeness(maps.class_vectors[:5], maps.class_vectors).sum(axis=1), 1)
