"""The shipped encoder: what open_clip makes of its files, what its vectors are like, what it retrieves."""

import json
import logging
import socket

import numpy as np
import pytest
from PIL import Image

from unicorn_assets.errors import UserError
from unicorn_assets.representation.gap.paired import own_ranks
from unicorn_assets.representation.pocket import (
    PocketEncoder,
    read_evaluation_pairs,
    read_metrics,
    read_reference,
    register_image_tower,
)
from unicorn_assets.representation.pocket.card import CARD, render
from unicorn_assets.representation.pocket.files import CONFIG, PAIRS_TEXT, WEIGHTS, model_folder
from unicorn_assets.representation.pocket.model import FROZEN, OPEN_CLIP_CONFIG

TEXTS = [
    "a red apple",
    "An emoji of a dog.",
    "",
    "The image shows a steam train crossing a stone bridge above a green valley while white smoke drifts away.",
    "Zürich – 東京 🙂",
]


@pytest.fixture(scope="module")
def encoder() -> PocketEncoder:
    return PocketEncoder()


def pictures(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(5)
    return [Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(count)]


def test_open_clip_loads_config_and_checkpoint_and_misses_only_minilm() -> None:
    import open_clip
    from open_clip.factory import load_checkpoint

    from unicorn_assets.representation.pocket.model import minilm_folder

    register_image_tower()
    register_image_tower()  # a second call changes nothing
    folder = model_folder()
    text = open_clip.get_model_config(f"local-dir:{folder}")["text_cfg"] | {"hf_model_name": str(minilm_folder())}
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False, text_cfg=text)
    found = load_checkpoint(model, str(folder / WEIGHTS), strict=False)
    assert not found.unexpected_keys
    assert found.missing_keys
    assert all(key.startswith(FROZEN) for key in found.missing_keys)


def test_shipped_config_is_the_code_s_and_names_no_place_of_a_machine() -> None:
    config = (model_folder() / CONFIG).read_text(encoding="utf-8")
    assert json.loads(config) == OPEN_CLIP_CONFIG
    assert all(not name.startswith(("/", "~", ".")) for name in json.loads(config)["model_cfg"]["text_cfg"].values() if isinstance(name, str))


def test_each_shipped_file_is_small() -> None:
    assert all(file.stat().st_size < 5e6 for file in model_folder().iterdir())


def test_loading_and_encoding_use_no_network_and_leave_the_log_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as hub

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("network used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    root = logging.getLogger()
    before = (list(root.handlers), list(root.filters), root.level, hub.HF_HUB_OFFLINE)
    assert PocketEncoder().encode_texts(["a dog"]).shape == (1, 256)
    assert (list(root.handlers), list(root.filters), root.level, hub.HF_HUB_OFFLINE) == before


def test_texts_and_pictures_become_unit_rows_in_their_order(encoder: PocketEncoder) -> None:
    for vectors in (encoder.encode_texts(TEXTS), encoder.encode_images(pictures(5))):
        assert vectors.shape == (5, encoder.dimension)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), alone, atol=1e-3)


def test_vectors_do_not_depend_on_the_batch_or_the_run(encoder: PocketEncoder) -> None:
    together = encoder.encode_texts(TEXTS, batch=5)
    np.testing.assert_array_equal(together, encoder.encode_texts(TEXTS, batch=5))
    np.testing.assert_array_equal(together, PocketEncoder().encode_texts(TEXTS, batch=5))
    np.testing.assert_allclose(together, encoder.encode_texts(TEXTS[::-1], batch=2)[::-1], atol=1e-3)
    images = pictures(7)
    np.testing.assert_allclose(encoder.encode_images(images), encoder.encode_images(images, batch=3), atol=1e-3)


def test_nothing_to_encode_gives_no_rows(encoder: PocketEncoder) -> None:
    assert encoder.encode_texts([]).shape == encoder.encode_images([]).shape == (0, 256)
    assert encoder.token_counts([]) == []


def test_transparent_pictures_lie_on_white(encoder: PocketEncoder) -> None:
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    white = Image.new("RGB", (64, 64), "white")
    black = Image.new("RGB", (64, 64), "black")
    rows = encoder.encode_images([clear, white, black])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-5)
    assert rows[0] @ rows[2] < 0.999


def test_truncated_texts_can_be_counted(encoder: PocketEncoder) -> None:
    fitting, too_long = "word " * (encoder.window - 2), "word " * (encoder.window - 1)
    assert encoder.token_counts(["", "word", fitting, too_long]) == [2, 3, encoder.window, encoder.window + 1]
    rows = encoder.encode_texts([fitting, fitting + "and a tail that is not read", fitting.replace("word", "dog", 1)])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-5)
    assert rows[0] @ rows[2] < 1 - 1e-5


def test_unknown_width_says_how_to_train_it() -> None:
    with pytest.raises(UserError, match=r"width 'huge'(.|\n)*pocket"):
        model_folder("huge")


def test_reference_fits_its_sample_and_encoder(encoder: PocketEncoder) -> None:
    reference = read_reference()
    assert (reference.encoder, reference.revision) == (encoder.name, encoder.revision)
    assert reference.vectors.shape == (len(reference.sample_ids), 256)
    assert not any(name.startswith("twitter/") for name in reference.sample_ids)
    # For unit vectors the trace of the covariance is 1 - |mean|^2; the sample's mean has the usual standard error.
    spread = 1 - reference.mean @ reference.mean
    assert np.trace(reference.covariance) == pytest.approx(spread, abs=1e-4)
    error = np.linalg.norm(reference.vectors.mean(axis=0) - reference.mean)
    assert error < 5 * np.sqrt(spread / len(reference.vectors))


def test_texts_find_pictures_of_the_vendor_that_was_never_trained_on(encoder: PocketEncoder) -> None:
    pairs = read_evaluation_pairs()
    assert (pairs.encoder, pairs.revision) == (encoder.name, encoder.revision)
    seen, held_out = np.flatnonzero(~pairs.held_out)[::6], np.flatnonzero(pairs.held_out)
    for rows, at_least in ((seen, 25), (held_out, 8)):  # times chance, at recall 5 among all pictures
        ranks = own_ranks(encoder.encode_texts([pairs.captions[i] for i in rows]) @ pairs.vectors.T, rows)
        assert np.mean(ranks <= 5) > at_least * 5 / len(pairs.vectors)


def test_card_says_what_was_measured() -> None:
    metrics = read_metrics()
    folder = model_folder()
    assert metrics["revision"] == PocketEncoder().revision
    assert (folder / CARD).read_text(encoding="utf-8") == render(metrics)
    rows = json.loads((folder / PAIRS_TEXT).read_text(encoding="utf-8"))
    assert metrics["pairs"] == len(rows)
    assert metrics["held_out_pairs"] == sum(row["held_out"] for row in rows)
