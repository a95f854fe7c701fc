"""The same through the command line, which checks the recipe's files before anything reads them. Nothing is asked."""

import json
import os
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from unicorn_assets.cli import app

RECIPE = (
    "name: mine\nsources: [{{name: s, path: {path}}}]\nllm: {{endpoint: url, url: 'http://127.0.0.1:9/v1', model: m}}\n"
)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(path: str, *options: str) -> Result:
        Path("recipe.yaml").write_text(RECIPE.format(path=json.dumps(path)), encoding="utf-8")
        arguments = ["plan", "--sample", "0", *options, "--recipe", "recipe.yaml", "--home", "home"]
        return CliRunner().invoke(app, arguments, env={"COLUMNS": "400"})

    return run


@pytest.mark.parametrize("name", ["a b.csv", "[x]*.csv", "a#?%20.csv", "-a.csv", "a\nb.csv", "link.csv"])
def test_a_name_with_any_character_is_one_file(name: str, plan: object) -> None:
    Path("other").write_text("text\na red kayak\nnan\n")
    if name == "link.csv":
        Path(name).symlink_to("other")
    else:
        Path("other").rename(name)
    result = plan(name, "--json")  # type: ignore[operator]
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["seeds"] == 1


@pytest.mark.parametrize(
    "name", ["pipe.csv", "loop.csv", "folder.csv", "nuls.csv", "page.csv", "nothing.csv", "wide.csv"]
)
def test_a_source_that_is_none_is_at_most_two_lines_and_exit_code_2(name: str, plan: object) -> None:
    os.mkfifo("pipe.csv")
    Path("loop.csv").symlink_to("loop.csv")
    Path("folder.csv").mkdir()
    for file, content in (("nuls", bytes(4000)), ("page", b"<html>"), ("wide", "text\nan owl\n".encode("utf-32"))):
        Path(f"{file}.csv").write_bytes(content)
    Path("nothing.csv").write_text("text\nnan\nN/A\n")
    result = plan(name)  # type: ignore[operator]
    assert result.exit_code == 2
    assert name in result.output
    assert "Traceback" not in result.output
    assert len(result.output.strip().splitlines()) <= 2  # what is wrong, and, where the words do not say it, what to do
    if name == "nothing.csv":
        assert "none of its 2 rows can be used: no_text 2" in result.output


def test_a_long_cell_passes_the_whole_way(plan: object) -> None:
    pl.DataFrame({"picture": ["A" * 200_000] * 3, "text": ["a cat", "a dog", "..."]}).write_csv("a.csv")
    result = plan("a.csv", "--json")  # type: ignore[operator]
    assert json.loads(result.output)["seeds"] == 2
