"""`unicorn transfer`: round trips on one's own files, without lake or recipe; a mistake is one line and exit code 2."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from unicorn_assets.cli import app
from unicorn_assets.transfer import Transfer


def unicorn(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["transfer", *arguments], env={"COLUMNS": "400"})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    np.save("text.npy", (random.normal(size=(300, 12)) + 0.4).astype(np.float32))
    np.save("images.npy", (random.normal(size=(300, 12)) - 0.2).astype(np.float32))
    return tmp_path


@pytest.mark.parametrize("method", ["none", "mean_shift", "c3", "i0t", "realign", "aniso_init"])
def test_fit_and_apply(method: str, here: Path) -> None:
    result = unicorn(
        "fit", "--text", "text.npy", "--images", "images.npy", "--method", method, "--out", "move.safetensors", "--json"
    )
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    move = Transfer.from_bytes((here / "move.safetensors").read_bytes())
    assert (facts["method"], facts["version"]) == (method, move.version())
    assert facts["moves_images"] == (method in ("mean_shift", "c3", "i0t"))
    assert unicorn("apply", "--transfer", "move.safetensors", "--text", "text.npy", "--out", "out.npy").exit_code == 0
    assert unicorn("apply", "--transfer", "move.safetensors", "--images", "images.npy", "--out", "i.npy").exit_code == 0
    np.testing.assert_allclose(np.load("out.npy"), move.apply(np.load("text.npy")), atol=1e-3)
    np.testing.assert_allclose(np.load("i.npy"), move.image_side(np.load("images.npy")), atol=1e-3)
    assert sorted(path.name for path in here.iterdir()) == [
        "i.npy", "images.npy", "move.safetensors", "out.npy", "text.npy"
    ]  # fmt: skip


def test_report_is_one_page(here: Path) -> None:
    assert unicorn("fit", "--text", "text.npy", "--images", "images.npy", "--out", "move.safetensors").exit_code == 0
    files = ("--transfer", "move.safetensors", "--text", "text.npy", "--images", "images.npy")
    result = unicorn("report", *files, "--pairs", "--out", "report.html")
    assert result.exit_code == 0, result.output
    page = Path("report.html").read_text()
    assert "realign" in page
    assert "text.npy" in page


FIT = ("fit", "--images", "images.npy")
TO = ("--out", "o.safetensors")
MISTAKES = {
    "gone.npy: there is no such file": (*FIT, "--text", "gone.npy", *TO),
    "unknown transfer method 'magic'": (*FIT, "--text", "text.npy", *TO, "--method", "magic"),
    "cannot write o.npy": (*FIT, "--text", "text.npy", "--out", "o.npy"),
    "a noise cosine of 1.5": (*FIT, "--text", "text.npy", *TO, "--noise-cosine", "1.5"),
    "bad.npy: row 7 has NaN in column 2": (*FIT, "--text", "bad.npy", *TO),
    "gone.safetensors: No such file": ("apply", "--transfer", "gone.safetensors", "--text", "text.npy", *TO),
    "text.npy: this is not a readable transfer": ("apply", "--transfer", "text.npy", "--text", "text.npy", *TO),
    "give either --text or --images": ("apply", "--transfer", "text.npy", *TO),
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(words: str, here: Path) -> None:
    bad = np.load("text.npy")
    bad[7, 2] = np.nan
    np.save("bad.npy", bad)
    before = sorted(here.iterdir())
    result = unicorn(*MISTAKES[words])
    assert result.exit_code == 2, result.output
    assert words in result.output
    assert "Traceback" not in result.output
    assert sorted(here.iterdir()) == before
