"""Augmentation, and the training command from art to card on a handful of coloured squares."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools.pocket.augment import augment
from tools.pocket.card import read_metrics
from tools.pocket.config import OPEN_CLIP_CONFIG
from tools.pocket.image_features import (
    PRETRAINED,
    TOWER,
    plain_features,
    pretrained_tower,
    through_image_head,
    varied_features,
)
from tools.pocket.text_features import head_start, through_head
from tools.pocket.train import Settings, TrainingData, concept_batches, fit, main, rate
from unicorn_assets.encoders.pocket.encoder import PocketEncoder
from unicorn_assets.encoders.pocket.files import CONFIG, WEIGHTS, model_folder, read_evaluation_pairs, read_reference
from unicorn_assets.encoders.pocket.model import build, load
from unicorn_assets.errors import UserError

HEADS = {"text.proj.weight", *(f"visual.trunk.head.{name}" for name in ("0.weight", "0.bias", "2.weight"))}
ANIMALS = [
    *("cat", "dog", "horse", "cow", "pig", "sheep", "goat", "camel", "mouse", "rabbit", "bear", "tiger", "lion", "fox"),
    *("wolf", "deer", "zebra", "otter", "sloth", "skunk", "badger", "hippopotamus", "elephant", "mammoth", "giraffe"),
    *("kangaroo", "llama", "monkey", "gorilla", "orangutan", "boar", "hedgehog", "bat", "rhinoceros", "chipmunk"),
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Such small layers lose far more time on a second thread than they gain."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pixels(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (n, 2, 3), np.uint8)
    found = np.full((n, 64, 64, 4), 255, np.uint8)
    found[:, :32, :, :3], found[:, 32:, :, :3] = colours[:, :1, None], colours[:, 1:, None]
    return found


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of art; the first training leaves in it what the frozen towers made of it, as for a user."""
    import torch
    from safetensors.torch import load_file

    art = tmp_path_factory.mktemp("art")
    folder = art / "node_modules" / "emojibase-data"
    (folder / "en").mkdir(parents=True)
    (folder / "meta").mkdir()
    rows = [
        {"hexcode": f"1F{i:03X}", "label": label, "tags": ["animal", "pet"], "group": 3, "subgroup": 5, "order": i}
        for i, label in enumerate(ANIMALS)
    ]
    names = {"groups": {"3": "animals-nature"}, "subgroups": {"5": "animal-mammal"}}
    (folder / "en" / "data.json").write_text(json.dumps(rows))
    (folder / "meta" / "groups.json").write_text(json.dumps(names))
    n = len(ANIMALS)
    views = np.concatenate([pixels(n), pixels(n) // 2 + 100, pixels(n) // 2 + 60])
    vendors = np.repeat(["google", "fluent-flat", "twitter"], n)
    np.savez(art / "pictures.npz", pixels=views, concept=np.tile(np.arange(n), 3), vendor=vendors)
    pretrained = art / PRETRAINED
    pretrained.parent.mkdir(parents=True)
    weights = load_file(model_folder() / WEIGHTS)
    # In the tower's own order, under other names and with a classifier, as in the package.
    names = [name for name in load().model.state_dict() if name.startswith(TOWER) and name in weights]
    kept = {f"_layer.{i}": weights[name] for i, name in enumerate(names) if not name.endswith("num_batches_tracked")}
    torch.save(kept | {"_fc.weight": torch.zeros(9, 1280), "_fc.bias": torch.zeros(9)}, pretrained)
    return art


def run(art: Path, out: Path, *more: str) -> None:
    main(["--art", str(art), "--out", str(out), "--captions", "3", "--views", "1", *more])


@pytest.fixture(scope="module")
def out(art: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training writes."""
    out = tmp_path_factory.mktemp("trained")
    run(art, out, "--steps", "4", "--seed", "1")
    return out


def test_training_writes_every_file_of_an_encoder(out: Path) -> None:
    metrics = read_metrics(out)
    assert metrics["training"]["steps"] == 4
    assert metrics["trained_concepts"] == metrics["pairs"] - metrics["held_out_pairs"] < len(ANIMALS)
    assert set(metrics["trained_pictures"]) == {"google", "fluent-flat"}
    assert read_reference(out)[0].n == 2 * metrics["trained_concepts"]
    encoder, pairs = PocketEncoder(folder=out), read_evaluation_pairs(out)
    assert pairs.revision == encoder.revision == metrics["revision"]
    assert "pocket-narrow" in (out / "README.md").read_text()


def test_training_learns_which_text_belongs_to_which_picture(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text(json.dumps(OPEN_CLIP_CONFIG))
    rng = np.random.default_rng(0)
    captions, views, small = rng.normal(size=(8, 1, 384)), rng.normal(size=(2, 8, 1280)), rng.normal(size=(8, 192))
    rows = [np.array([i]) for i in range(8)]
    data = TrainingData(captions.astype(np.float16), list(views.astype(np.float16)), small.astype(np.float16), rows)
    said: list[str] = []
    pocket = build(tmp_path)
    before = {name: value.clone() for name, value in pocket.model.state_dict().items()}
    shipped = fit(pocket, data, Settings(steps=150, captions=1), said.append)
    first, last = (float(re.findall(r"loss ([\d.]+)", said[i])[0]) for i in (0, -1))
    assert first > np.log(6) * 0.8  # each member knows six of the eight
    assert last < first / 2
    images = through_image_head(pocket, np.concatenate([data.views[0], data.thumbnails], axis=1))
    texts = through_head(pocket, data.features[:, 0])
    assert (images @ texts.T).argmax(1).tolist() == list(range(8))
    moved = {name for name, value in pocket.model.state_dict().items() if not value.equal(before[name])}
    assert moved == {*HEADS, "logit_scale"} <= set(shipped)


def test_features_are_what_the_encoder_makes_of_the_pictures_itself(tmp_path: Path) -> None:
    pocket, pictures = load(), pixels(5)
    pictures[0, :40] = 0  # transparent
    found = through_image_head(pocket, plain_features(pocket, pictures, tmp_path, print))
    own = PocketEncoder().encode_images([Image.fromarray(picture) for picture in pictures])
    np.testing.assert_allclose(found, own, atol=2e-3)
    said: list[str] = []
    plain_features(pocket, pictures, tmp_path, said.append)
    assert said == [], "kept from the first time"
    first, second = varied_features(pocket, pictures, 2, tmp_path, said.append)
    assert not np.array_equal(first, second)
    assert len(said) == 2


def test_the_tower_is_read_in_its_own_order_and_another_one_is_refused(art: Path, tmp_path: Path) -> None:
    import torch

    shipped = load().model.state_dict()
    for name, value in pretrained_tower(art).items():
        assert torch.equal(value, shipped[name]), name
    (tmp_path / PRETRAINED).parent.mkdir(parents=True)
    torch.save({"_conv.weight": torch.zeros(3)}, tmp_path / PRETRAINED)
    with pytest.raises(UserError, match="not an EfficientNet-Lite0"):
        pretrained_tower(tmp_path)


def test_the_wide_encoder_keeps_its_scale(art: Path, tmp_path: Path) -> None:
    run(art, tmp_path / "out", "--steps", "2", "--width", "wide")
    assert read_metrics(tmp_path / "out")["logit_scale"] == pytest.approx(100, abs=0.2)  # stored in fp16


def test_same_seed_same_weights(art: Path, out: Path, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        run(art, tmp_path / seed, "--steps", "4", "--seed", seed)
    same, other = ((tmp_path / seed / WEIGHTS).read_bytes() for seed in ("1", "2"))
    assert (out / WEIGHTS).read_bytes() == same != other


def test_missing_art_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        run(tmp_path / "nothing", tmp_path / "out")
    assert error.value.code == 2
    assert "scripts/train-pocket" in capsys.readouterr().err


def test_augmented_pictures_are_normalised_opaque_and_drawn_from_the_generator() -> None:
    import torch

    pictures = torch.from_numpy(pixels(6))
    first, again, other = (augment(pictures, torch.Generator().manual_seed(seed), 64) for seed in (1, 1, 2))
    assert first.shape == (6, 3, 64, 64)
    assert first.abs().max() <= 2.0 + 1e-6
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert augment(pictures, torch.Generator(), 32).shape == (6, 3, 32, 32)


def test_a_batch_never_repeats_a_concept_and_brings_its_neighbours() -> None:
    batches = concept_batches(3000, np.random.default_rng(0))
    for _ in range(7):
        batch = next(batches)
        assert len(set(batch.tolist())) == len(batch) == 384
        assert sum(i + 1 in batch for i in batch) > 384 * 0.6  # by chance: 384 * 383 / 2999 is 49


def test_learning_rate_rises_then_falls_to_one_per_cent() -> None:
    rates = [rate(step, 1000) for step in range(1000)]
    top = rates.index(max(rates))
    assert max(rates) == 1
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)


def test_the_head_starts_as_a_projection_without_what_all_captions_share() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(size=384) * 3
    features = (common + rng.normal(size=(300, 2, 384)) * np.linspace(2, 0.1, 384)).astype(np.float16)
    weights = head_start(features).double().numpy()
    assert weights.shape == (256, 384)
    np.testing.assert_allclose(weights @ weights.T, np.eye(256), atol=1e-5)
    shared = features.astype(np.float64).mean(axis=(0, 1))
    assert np.linalg.norm(weights @ shared) < 1e-4 * np.linalg.norm(shared)
    centred = features.astype(np.float64).mean(axis=1) - shared
    kept = np.square(centred @ weights.T).sum() / np.square(centred).sum()
    assert kept > 0.9  # a random projection to 256 of 384 dimensions keeps two thirds
