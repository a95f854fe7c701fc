"""`unicorn reference`: real images in, one small file of statistics out, and a recipe that takes it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from unicorn_assets.cli import app
from unicorn_assets.images.building import build_image_reference
from unicorn_assets.images.reference import ImageReference
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets_tests.encoders.conftest import TINY, save_model
from unicorn_assets_tests.images.pictures import encoded, write_tar

RECIPE = """
name: mine
sources:
  - {name: lines, path: lines.txt}
llm: {endpoint: embedded}
encoder: {kind: open_clip, model: "local-dir:model"}
image_reference: {kind: reference, path: streets.safetensors}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    save_model(tmp_path / "model", TINY)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    write_tar(tmp_path / "streets" / "0.tar", {f"{i}.png": encoded(i) for i in range(9)} | {"bad.jpg": b"x"})
    return tmp_path


def unicorn(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["reference", *arguments], env={"COLUMNS": "400"})


def test_a_reference_is_made_and_a_recipe_takes_it(folder: Path) -> None:
    arguments = ("--images", "streets/*.tar", "--recipe", "recipe.yaml", "--out", "streets.safetensors")
    result = unicorn(*arguments)
    assert result.exit_code == 0, result.output
    assert "set aside 0.tar/bad.jpg: not an image" in result.output
    made = ImageReference.from_bytes((folder / "streets.safetensors").read_bytes())
    assert made.statistics.n == 9
    assert made.name == "streets"
    assert made.version() in result.output
    (folder / "lines.txt").write_text("a dog\n", encoding="utf-8")

    def never() -> None:
        raise AssertionError("nothing is encoded again")

    taken = build_image_reference(load_recipe("recipe.yaml"), never)  # type: ignore[arg-type]
    assert taken.version() == made.version()
    facts = json.loads(unicorn(*arguments, "--name", "streets-of-may", "--json").stdout)
    assert (facts["name"], facts["images"], facts["set_aside"], facts["dtype"]) == ("streets-of-may", 9, 1, "fp32")


def test_mistakes_are_one_line(folder: Path) -> None:
    (folder / "given.safetensors").write_bytes(b"somebody's vectors")
    for arguments, words in (
        (("--out", "x.safetensors"), "give either --images or --vectors"),
        (("--images", "streets", "--out", "x.txt"), "cannot write x.txt"),
        (("--images", "nowhere", "--out", "x.safetensors"), "no such folder or file"),
        (("--vectors", "no.npy", "--out", "x.safetensors"), "no such file"),
        (("--images", "streets", "--out", "streets/x.safetensors"), "in the folder of the input streets"),
        (("--vectors", "given.safetensors", "--out", "given.safetensors"), "itself the input"),
    ):
        result = unicorn(*arguments, "--recipe", "recipe.yaml")
        assert result.exit_code == 2
        assert words in result.output
        assert "Traceback" not in result.output
    assert not (folder / "x.safetensors").exists()
    assert (folder / "given.safetensors").read_bytes() == b"somebody's vectors"
