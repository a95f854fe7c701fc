"""A tiny open_clip model with random weights, saved as open_clip saves models: no network, milliseconds to run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TINY: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16},
    "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
# A text tower like SigLIP's: it attends to padding and reads the last position, so padding must stay.
PADDED: dict[str, Any] = TINY | {
    "custom_text": True,
    "text_cfg": TINY["text_cfg"] | {"no_causal_mask": True, "pool_type": "last"},
}
PREPROCESS = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic", "resize_mode": "shortest"}


def save_model(folder: Path, config: dict[str, Any], seed: int = 0) -> Path:
    """Config and random weights in open_clip's own layout."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    about = {"model_cfg": config, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(about), encoding="utf-8")
    torch.manual_seed(seed)
    # Larger weights than at open_clip's start, so that texts differ by more than rounding.
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    weights = {
        name: (torch.randn_like(value) * 0.3 if value.ndim > 1 else value).clone()
        for name, value in model.state_dict().items()
    }
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / "open_clip_model.safetensors")
    return folder


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny models are slower on many threads than on one, most of all beside other work."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("tiny"), TINY)


@pytest.fixture(scope="session")
def padded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("padded"), PADDED)
