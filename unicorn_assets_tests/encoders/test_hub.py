"""Models of the hub without a network: the commit in the local cache is the revision; a pinned one needs no cache."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from unicorn_assets.encoders import encoder_version, fetch_weights, identify, open_encoder, space_of
from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe
from unicorn_assets_tests.encoders.conftest import TINY, save_model
from unicorn_assets_tests.recipes import recipe_of

OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub client's own cache, with two commits of a model: main is the new one."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repo = tmp_path / "models--someone--tiny"
    save_model(repo / "snapshots" / OLD, TINY)
    save_model(repo / "snapshots" / NEW, TINY, seed=1)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(NEW, encoding="utf-8")
    return tmp_path


def hub_recipe(folder: Path, **settings: str) -> Recipe:
    encoder = {"kind": "open_clip", "model": "hf-hub:someone/tiny", **settings}
    return recipe_of(folder, encoder=encoder, image_reference={"kind": "images", "path": "x"})


def test_main_is_the_commit_that_was_fetched(cache: Path) -> None:
    recipe = hub_recipe(cache)
    assert identify(recipe) == ("hf-hub:someone/tiny", NEW[:12])
    encoder = open_encoder(recipe)
    assert space_of(encoder).revision == NEW[:12]
    pinned = open_encoder(hub_recipe(cache, revision=OLD))
    assert space_of(pinned).revision == OLD[:12]
    assert np.abs(pinned.encode_texts(["a dog"]) - encoder.encode_texts(["a dog"])).max() > 1e-3
    assert encoder_version(recipe) == encoder_version(hub_recipe(cache, revision=NEW))


def test_a_pinned_commit_names_itself_and_a_branch_must_be_fetched_first(cache: Path) -> None:
    shutil.rmtree(cache / "models--someone--tiny")
    pinned, branch = hub_recipe(cache, revision=OLD), hub_recipe(cache)
    assert identify(pinned)[1] == OLD[:12]
    fetch_weights(pinned)  # nothing to learn from the network
    assert identify(branch)[1] == "absent"
    with pytest.raises(UserError, match="cannot get hf-hub:someone/tiny"):
        fetch_weights(branch)
    with pytest.raises(UserError, match=f"at {OLD}"):
        open_encoder(pinned)


def test_a_snapshot_without_weights_or_config_is_named(cache: Path) -> None:
    snapshot = cache / "models--someone--tiny" / "snapshots" / NEW
    (snapshot / "open_clip_model.safetensors").unlink()
    with pytest.raises(UserError, match=r"it has none of open_clip_model\.safetensors"):
        open_encoder(hub_recipe(cache))
    (snapshot / "open_clip_model.safetensors").write_bytes(b"x")
    (snapshot / "open_clip_config.json").unlink()
    with pytest.raises(UserError, match=r"no open_clip_config\.json in hf-hub:someone/tiny"):
        open_encoder(hub_recipe(cache))


def test_a_revision_needs_a_model_of_the_hub(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a revision belongs to a model given as hf-hub"):
        hub_recipe(tmp_path, model="ViT-B-32", revision=OLD)
