import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from unicorn_assets.cli import app
from unicorn_assets.encoders import opening
from unicorn_assets.lake.store import Lake
from unicorn_assets.release import release_pretrain
from unicorn_assets_tests.small_lake import SHARDS, facts, fill, small_recipe

NAME = "unicorn_1_2m"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    lake = fill(Lake(str(tmp_path / "home" / "lake")), SHARDS[:1])
    release_pretrain(lake, small_recipe(), SHARDS[:1], facts())
    return tmp_path / "home"


def ask(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--home", str(home)], env={"COLUMNS": "300"})


def test_a_release_is_exported_by_name_and_verified_by_name_or_folder(home: Path, tmp_path: Path) -> None:
    done = ask(home, "export", NAME, "--to", "hf", "--out", str(tmp_path / "hub"), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == 2
    for kind, file in (("webdataset", "Pretrain-000000.tar"), ("unicorn-code", "apply.py")):
        done = ask(home, "export", str(tmp_path / "hub"), "--to", kind, "--out", str(tmp_path / kind))
        assert done.exit_code == 0, done.output
        assert (tmp_path / kind / file).exists()
    for release in (NAME, str(tmp_path / "hub")):
        done = ask(home, "verify", release)
        assert (done.exit_code, "all as it was written" in done.stdout) == (0, True), done.output
    (tmp_path / "hub" / "Pretrain.json").unlink()
    done = ask(home, "verify", str(tmp_path / "hub"))
    assert (done.exit_code, "Pretrain.json is missing" in done.stdout) == (1, True)
    assert ask(home, "verify", str(tmp_path / "hub"), "--repair").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give either --to or --images"),
        (["--to", "pickle"], "there is no 'pickle' to export to"),
        (["--to", "webdataset"], "where to?"),
        (["--to", "energon", "--push", "me/mine"], "go with --to hf"),
        (["--images", "photos", "--out", "photos.npy"], "cannot write photos.npy"),
    ],
)
def test_what_cannot_be_exported_is_one_line(home: Path, arguments: list[str], words: str) -> None:
    done = ask(home, "export", NAME, *arguments)
    assert (done.exit_code, words in done.output) == (2, True), done.output


def test_pictures_of_another_encoder_are_refused(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "open_encoder", lambda recipe: pytest.fail("nothing is to be loaded"))
    (tmp_path / "photos").mkdir()
    done = ask(
        home, "export", NAME, "--images", str(tmp_path / "photos"), "--out", str(tmp_path / "photos.safetensors")
    )
    assert (done.exit_code, "was made with pocket r1, the recipe's encoder is" in done.output) == (2, True), done.output
    assert not np.any([path.suffix == ".safetensors" for path in tmp_path.iterdir()])
