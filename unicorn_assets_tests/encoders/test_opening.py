"""Opening an encoder: what is missing is named; nothing heavy is imported to find a version."""

import subprocess
import sys
from pathlib import Path

import pytest

from unicorn_assets.encoders import open_encoder, opening
from unicorn_assets.errors import UserError
from unicorn_assets_tests.recipes import recipe_of


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda name: None if name == "open_clip" else object())
    with pytest.raises(UserError, match=r"open_clip_torch(.|\n)*\[encode\]"):
        open_encoder(recipe_of(tmp_path))


def test_no_gpu_where_one_is_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="sees no GPU"):
        open_encoder(recipe_of(tmp_path, encoder={"kind": "pocket", "device": "cuda"}))
    assert opening.pick_device("auto") == "cpu"


def test_versions_and_arithmetic_need_no_torch(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from unicorn_assets import gap
from unicorn_assets.images import reference as image_reference
from unicorn_assets.gap import plots
from unicorn_assets.images import building as reference_building
from unicorn_assets import transfer
from unicorn_assets.encoders import encoder_version
from unicorn_assets_tests.recipes import recipe_of
assert len(encoder_version(recipe_of(Path(sys.argv[1])))) == 16
heavy = {"torch", "open_clip", "timm", "transformers", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
