"""open_clip models through open_encoder: checkpoints, token counts, batches that change nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unicorn_assets.encoders import Encoder, encoder_version, open_encoder, space_of
from unicorn_assets.encoders.protocol import TOLERANCE
from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe
from unicorn_assets_tests.encoders.conftest import TINY
from unicorn_assets_tests.recipes import recipe_of

TEXTS = [
    "a dog",
    "",
    "two people walk along the shore at dawn while a dog chases gulls over the wet sand",
    "a red bicycle leans against a wall",
    "a cat",
    "word " * 60,
]


def local(folder: Path, **settings: object) -> Recipe:
    return recipe_of(
        folder.parent,
        encoder={"kind": "open_clip", "model": f"local-dir:{folder.name}", **settings},
        image_reference={"kind": "images", "path": "x"},
    )


def plain(folder: Path, texts: list[str]) -> np.ndarray:
    """The same model used in open_clip's documented way, one text at a time."""
    import open_clip
    import torch

    model = open_clip.create_model(f"local-dir:{folder}").eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    with torch.inference_mode():
        return np.concatenate([model.encode_text(tokenizer([text]), normalize=True).numpy() for text in texts])


@pytest.fixture(scope="module")
def encoder(tiny: Path) -> Encoder:
    return open_encoder(local(tiny, batch_tokens=64))


def test_texts_become_the_vectors_that_open_clip_gives(encoder: Encoder, tiny: Path) -> None:
    vectors = encoder.encode_texts(TEXTS)
    assert vectors.shape == (len(TEXTS), 16)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, plain(tiny, TEXTS), atol=TOLERANCE)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_padding_is_cut_only_where_that_changes_nothing(encoder: Encoder, tiny: Path, padded: Path) -> None:
    assert encoder.trims  # type: ignore[attr-defined]
    for precision in ("bf16", "fp16"):
        assert open_encoder(local(tiny, precision=precision)).trims  # type: ignore[attr-defined]
        assert not open_encoder(local(padded, precision=precision)).trims  # type: ignore[attr-defined]
    other = open_encoder(local(padded))
    assert not other.trims  # type: ignore[attr-defined]
    np.testing.assert_allclose(other.encode_texts(TEXTS), plain(padded, TEXTS), atol=TOLERANCE)


def test_every_model_with_clips_own_text_tower_runs_on_the_longest_text_of_a_batch(encoder: Encoder) -> None:
    """Not on the whole window: that is where the time goes."""
    widths: list[int] = []
    tower = encoder._model.transformer  # type: ignore[attr-defined]
    hook = tower.register_forward_pre_hook(lambda _module, given: widths.append(given[0].shape[1]))
    encoder.encode_texts(["a dog", "a red bicycle leans against a wall"])
    hook.remove()
    assert sorted(widths) == [4, 9]
    assert encoder.window == 24


def test_vectors_do_not_depend_on_the_batch(encoder: Encoder) -> None:
    together = encoder.encode_texts(TEXTS)
    alone = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    backwards = encoder.encode_texts(TEXTS[::-1])[::-1]
    np.testing.assert_allclose(together, alone, atol=TOLERANCE)
    np.testing.assert_allclose(together, backwards, atol=TOLERANCE)


def test_texts_beyond_the_window_are_named(encoder: Encoder) -> None:
    assert encoder.window == 24
    assert encoder.embed_texts(TEXTS).truncated == [5]
    # begin, end, and one token per word of these plain words
    assert encoder.embed_texts(["word " * 22, "word " * 23]).truncated == [1]
    kept = "word " * 22
    np.testing.assert_allclose(*encoder.encode_texts([kept, kept + "and a lost tail"]), atol=TOLERANCE)


def test_progress_adds_up(encoder: Encoder) -> None:
    done: list[int] = []
    encoder.encode_texts(TEXTS, done.append)
    assert sum(done) == len(TEXTS)
    assert len(done) > 1
    assert encoder.encode_texts([]).shape == (0, 16)


def test_images_become_unit_vectors_on_white(encoder: Encoder) -> None:
    white = Image.new("RGB", (20, 20), "white")
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    red = Image.new("RGB", (40, 20), "red")
    vectors = encoder.encode_images([white, clear, red])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=TOLERANCE)
    assert np.abs(vectors[0] - vectors[2]).max() > 1e-3
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_named_model_takes_a_checkpoint_file(tiny: Path, tmp_path: Path) -> None:
    import open_clip

    config = tmp_path / "tiny-test.json"
    config.write_text(json.dumps(TINY), encoding="utf-8")
    open_clip.add_model_config(config)
    checkpoint = tmp_path / "weights.safetensors"
    checkpoint.write_bytes((tiny / "open_clip_model.safetensors").read_bytes())
    recipe = recipe_of(
        tmp_path,
        encoder={"kind": "open_clip", "model": "tiny-test", "pretrained": "weights.safetensors"},
        image_reference={"kind": "images", "path": "x"},
    )
    encoder = open_encoder(recipe)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), plain(tiny, TEXTS), atol=TOLERANCE)
    assert encoder.name == "tiny-test"


def test_versions_follow_the_weights_and_not_the_speed(tiny: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / tiny.name
    shutil.copytree(tiny, copy)
    before = encoder_version(local(copy))
    assert before == encoder_version(local(tiny, batch_tokens=128, device="cpu"))
    assert before != encoder_version(local(copy, precision="bf16"))
    space = space_of(open_encoder(local(copy)))
    weights = copy / "open_clip_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert encoder_version(local(copy)) != before
    assert space_of(open_encoder(local(copy))) != space


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"model": "ViT-B32", "pretrained": "openai"}, "ViT-B-32"),
        ({"model": "ViT-B-32", "pretrained": "laion2b_s34b"}, "laion2b_s34b_b79k"),
        ({"model": "ViT-B-32"}, "pretrained"),
        ({"model": "local-dir:nowhere"}, "open_clip_config.json"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_words(settings: dict[str, str], expected: str, tmp_path: Path) -> None:
    recipe = recipe_of(
        tmp_path, encoder={"kind": "open_clip", **settings}, image_reference={"kind": "images", "path": "x"}
    )
    with pytest.raises(UserError, match=expected):
        open_encoder(recipe)


def test_weights_of_another_model_are_refused(tiny: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "other"
    shutil.copytree(tiny, copy)
    config = {"model_cfg": TINY | {"embed_dim": 8}, "preprocess_cfg": {}}
    (copy / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(UserError, match="cannot load encoder"):
        open_encoder(local(copy))
