"""The shipped pocket encoder as a library user meets it: vectors, loading, and whether it finds pictures at all."""

import json
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from tools.pocket.card import read_metrics
from unicorn_assets.encoders import identify, open_encoder
from unicorn_assets.encoders.pocket.encoder import PocketEncoder
from unicorn_assets.encoders.pocket.files import CONFIG, PAIRS_TEXT, WEIGHTS, model_folder, read_evaluation_pairs
from unicorn_assets.encoders.pocket.model import FROZEN, load, minilm_folder, register_image_tower
from unicorn_assets.errors import UserError
from unicorn_assets.gap.paired import own_ranks
from unicorn_assets.recipe import Recipe

TEXTS = ["a cat", "An emoji of a red apple.", "A long sentence about a ship that leaves the harbour at dawn. " * 30, ""]


@pytest.fixture(scope="module", params=["narrow", "wide"])
def encoder(request: pytest.FixtureRequest) -> PocketEncoder:
    return PocketEncoder(request.param)


def images() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 256, (60, 90, 3), np.uint8)) for _ in range(3)]
    return [*noise, Image.new("RGBA", (64, 64), (255, 0, 0, 0)), Image.new("L", (7, 200), 90)]


def test_unit_rows_of_the_stated_dimension(encoder: PocketEncoder) -> None:
    for vectors, count in ((encoder.encode_texts(TEXTS), len(TEXTS)), (encoder.encode_images(images()), 5)):
        assert vectors.shape == (count, encoder.dimension)
        assert vectors.dtype == np.float32
        assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5
    assert encoder.encode_texts([]).shape == (0, encoder.dimension)
    assert encoder.encode_images([]).shape == (0, encoder.dimension)


def test_a_second_encoder_gives_the_same_vectors(encoder: PocketEncoder) -> None:
    again = PocketEncoder(folder=encoder.pocket.folder)
    assert again.revision == encoder.revision
    np.testing.assert_array_equal(again.encode_texts(TEXTS), encoder.encode_texts(TEXTS))
    np.testing.assert_array_equal(again.encode_images(images()), encoder.encode_images(images()))


def test_the_company_in_a_batch_does_not_matter(encoder: PocketEncoder) -> None:
    together, alone = encoder.encode_texts(TEXTS), np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    assert np.abs(together - alone).max() < 1e-3
    together, alone = encoder.encode_images(images()), np.concatenate([encoder.encode_images([i]) for i in images()])
    assert np.abs(together - alone).max() < 1e-3


def test_the_tail_beyond_the_window_has_no_effect(encoder: PocketEncoder) -> None:
    long = "word " * encoder.window
    (first, second, _), truncated = encoder.embed_texts([long + "cat", long + "aeroplane", "word"])
    assert truncated == [0, 1]
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_transparent_is_white(encoder: PocketEncoder) -> None:
    clear, white = encoder.encode_images([Image.new("RGBA", (64, 64)), Image.new("RGB", (64, 64), "white")])
    np.testing.assert_allclose(clear, white, atol=1e-5)


def test_open_clip_itself_loads_config_and_checkpoint(encoder: PocketEncoder) -> None:
    import open_clip
    from open_clip.factory import load_checkpoint

    register_image_tower()
    folder = encoder.pocket.folder
    text = json.loads((folder / CONFIG).read_text())["model_cfg"]["text_cfg"] | {"hf_model_name": str(minilm_folder())}
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, text_cfg=text)
    found = load_checkpoint(model, str(folder / WEIGHTS), strict=False)
    assert not found.unexpected_keys
    assert found.missing_keys, "MiniLM is expected to be left out"
    assert all(key.startswith(FROZEN) for key in found.missing_keys)
    model.eval()
    pieces = encoder.pocket.tokenizer(["a cat"])
    vector = model.encode_text(pieces, normalize=True).detach().numpy()
    np.testing.assert_allclose(vector, encoder.encode_texts(["a cat"]), atol=1e-5)


def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    copytree(model_folder(), folder)
    weights = load_file(folder / WEIGHTS)
    lost = weights.pop("text.proj.weight")
    save_file(weights | {"text.proj.9.weight": lost}, folder / WEIGHTS, {"format": "pt"})
    with pytest.raises(UserError, match=r"does not fit.*text\.proj\.weight.*text\.proj\.9\.weight"):
        load(folder=folder)


def test_a_width_that_is_not_shipped_says_how_to_train_it() -> None:
    with pytest.raises(UserError, match="no pocket encoder of width 'huge'"):
        model_folder("huge")


def test_texts_find_their_pictures_far_above_chance(encoder: PocketEncoder) -> None:
    pairs = read_evaluation_pairs(encoder.pocket.folder)
    held_out = np.flatnonzero(pairs.held_out)
    seen = np.flatnonzero(~pairs.held_out)[::8]
    for rows, split in ((seen, "seen"), (held_out, "held out")):
        scores = pairs.texts[rows].astype(np.float32) @ pairs.vectors.T
        ranks = (scores >= scores[np.arange(len(rows)), rows][:, None]).sum(axis=1)
        chance = 5 / len(pairs.ids)
        margin = {"seen": 100, "held out": 20}[split]
        assert np.mean(ranks <= 5) > margin * chance, split


def test_the_shipped_vectors_of_captions_are_what_it_gives_them(encoder: PocketEncoder) -> None:
    pairs = read_evaluation_pairs(encoder.pocket.folder)
    found = encoder.encode_texts(pairs.captions[::16])
    assert np.abs(found - pairs.texts[::16].astype(np.float32)).max() < 1e-3, "half precision rounds"


def test_recall_in_the_metrics_is_what_the_shipped_files_give(encoder: PocketEncoder) -> None:
    pairs = read_evaluation_pairs(encoder.pocket.folder)
    rows = np.flatnonzero(pairs.held_out)
    stated = read_metrics(encoder.pocket.folder)["retrieval"]
    written = json.loads((encoder.pocket.folder / PAIRS_TEXT).read_text(encoding="utf-8"))
    for kind in ("caption", "sentence", "description"):
        shipped = kind == "caption"
        texts = pairs.texts[rows] if shipped else encoder.encode_texts([written[row][kind] for row in rows])
        scores = texts.astype(np.float64) @ pairs.vectors.T.astype(np.float64)
        among_all = (scores >= scores[np.arange(len(rows)), rows][:, None]).sum(axis=1)
        among_held_out = own_ranks(scores[:, rows])
        for asked, ranks in (("held_out_concepts", among_held_out), ("held_out_concepts_all_pictures", among_all)):
            for k in (1, 5):
                # Vectors are shipped as fp16: a near tie may fall the other way.
                assert 100 * np.mean(ranks <= k) == pytest.approx(stated[kind][asked][f"recall_{k}"], abs=1.5), kind


def test_a_recipe_s_encoder_is_this_one(encoder: PocketEncoder) -> None:
    width = encoder.name.removeprefix("pocket-")
    recipe = Recipe.model_validate({
        "name": "tiny", "sources": [{"name": "none", "path": "none.txt"}], "llm": {},
        "encoder": {"kind": "pocket", "width": width, "device": "cpu"},
    })  # fmt: skip
    opened = open_encoder(recipe)
    assert isinstance(opened, PocketEncoder)
    assert identify(recipe) == (opened.name, opened.revision) == (encoder.name, encoder.revision)
    np.testing.assert_array_equal(opened.encode_texts(TEXTS), encoder.encode_texts(TEXTS))
    assert (opened.dtype, opened.window, opened.dimension, opened.trims) == ("fp32", 256, 256, True)
