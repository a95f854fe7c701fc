"""What holds for every kind of encoder: memory that runs out, batches that change nothing, metadata, half precision."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unicorn_assets.encoders import Encoder, about, identify, open_encoder
from unicorn_assets.encoders.protocol import TOLERANCES
from unicorn_assets.recipe import Recipe
from unicorn_assets_tests.encoders.conftest import TINY, save_model
from unicorn_assets_tests.encoders.tiny_llm2clip import save_adapter, save_text_encoder
from unicorn_assets_tests.recipes import recipe_of

KINDS = ("open_clip", "llm2clip", "pocket")
TEXTS = [f"{'a small brown dog ' * (1 + i % 5)}number {i}" for i in range(16)]
PICTURES = [Image.new("RGB", (20 + i, 30), (i * 9, 255 - i * 5, i * 31 % 256)) for i in range(8)]

Make = Callable[..., Encoder]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("encoders")
    save_model(made / "tiny", TINY)
    save_text_encoder(made / "text")
    save_adapter(made / "adapter")
    return made


def recipe_for(folder: Path, kind: str, **settings: object) -> Recipe:
    sources = {
        "open_clip": {"model": "local-dir:tiny"},
        "llm2clip": {"model": "local-dir:text", "adapter": "local-dir:adapter"},
        "pocket": {},
    }[kind]
    reference = {} if kind == "pocket" else {"image_reference": {"kind": "images", "path": "x"}}
    return recipe_of(folder, encoder={"kind": kind, **sources, **settings}, **reference)


def fail_above(limit: int, forward: Callable[..., Any], tried: list[int]) -> Callable[..., Any]:
    """A forward pass whose memory suffices for `limit` rows."""
    import torch

    def limited(first: Any, *rest: Any, **named: Any) -> Any:
        rows = len(first if first is not None else named["input_ids"])
        tried.append(rows)
        if rows > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(first, *rest, **named)

    return limited


@pytest.mark.parametrize("kind", KINDS)
def test_memory_that_runs_out_halves_batches_of_texts_and_of_images(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder: Any = open_encoder(recipe_for(folder, kind))
    texts, images = encoder.encode_texts(TEXTS), encoder.encode_images(PICTURES)
    tried: list[int] = []
    monkeypatch.setattr(encoder, "_forward", fail_above(3, encoder._forward, tried))
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=TOLERANCES["fp32"])
    assert max(tried) > 3
    assert sum(tried[-4:]) <= 12
    tried.clear()
    if kind == "llm2clip":
        tower = encoder._parts.tower
        monkeypatch.setattr(tower, "forward", fail_above(3, tower.forward, tried))
    else:
        monkeypatch.setattr(encoder._model, "encode_image", fail_above(3, encoder._model.encode_image, tried))
    np.testing.assert_allclose(encoder.encode_images(PICTURES), images, atol=TOLERANCES["fp32"])
    assert max(tried) > 3
    assert min(tried) <= 3


@pytest.mark.parametrize(
    ("kind", "precision"),
    [("pocket", "fp32"), *((kind, p) for kind in KINDS[:2] for p in ("fp32", "fp16", "bf16"))],
)
def test_vectors_do_not_depend_on_their_company(kind: str, precision: str, folder: Path) -> None:
    encoder = open_encoder(recipe_for(folder, kind, precision=precision, batch_tokens=512))
    order = np.random.default_rng(0).permutation(len(TEXTS))
    together = encoder.encode_texts(TEXTS)
    shuffled = np.empty_like(together)
    shuffled[order] = encoder.encode_texts([TEXTS[i] for i in order])
    small = open_encoder(recipe_for(folder, kind, precision=precision, batch_tokens=64)).encode_texts(TEXTS)
    few = np.concatenate([encoder.encode_texts([text]) for text in TEXTS[:5]])
    for other in (shuffled, small):
        np.testing.assert_allclose(other, together, atol=TOLERANCES[precision])
    np.testing.assert_allclose(few, together[:5], atol=TOLERANCES[precision])
    images = encoder.encode_images(PICTURES)
    apart = np.concatenate([encoder.encode_images(PICTURES[:3]), encoder.encode_images(PICTURES[3:])])
    np.testing.assert_allclose(apart, images, atol=TOLERANCES[precision])


@pytest.mark.parametrize("kind", KINDS)
def test_metadata_names_encoder_revision_dimension_window_and_dtype(kind: str, folder: Path) -> None:
    recipe = recipe_for(folder, kind, device="cpu")
    encoder = open_encoder(recipe)
    name, revision = identify(recipe)
    dimension, window = {"open_clip": (16, 24), "llm2clip": (16, 512), "pocket": (256, 256)}[kind]
    assert about(encoder) == {
        "encoder": name, "revision": revision, "dimension": dimension, "window": window, "dtype": "fp32",
    }  # fmt: skip
    assert encoder.encode_texts(["a"]).shape == (1, dimension)
