"""The command line's manners: a user's mistake is one line and exit code 2, and leaves nothing behind."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from unicorn_assets.cli import app
from unicorn_assets.lake.owner import claim
from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.lakes import tiny_lake

GOOD = "name: mine\nsources:\n  - {name: lines, path: lines.txt}\nllm: {endpoint: embedded}\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def unicorn(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "400"})


MISTAKES = {
    "there is no recipe": None,
    "recipe.yaml:5: shard_row: unknown key; did you mean 'shard_rows'?": GOOD + "shard_row: 3\n",
    "recipe.yaml:5: shard_rows:": GOOD + "shard_rows: many\n",
    "there is no file lines.txt": GOOD,
    "not valid YAML": "name: [",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_in_the_recipe_is_one_line_and_writes_nothing(words: str, home: Path) -> None:
    text = MISTAKES[words]
    if text is not None:
        Path("recipe.yaml").write_text(text, encoding="utf-8")
    result = unicorn("run", "--recipe", "recipe.yaml", "--home", str(home))
    assert result.exit_code == 2
    assert words in result.output
    assert "Traceback" not in result.output
    assert not home.exists()


SOURCES = {"empty": b"", "binary": bytes(range(256)) * 40, "wrong encoding": "é\n".encode("utf-16") * 50}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_that_cannot_be_read_is_named(kind: str, home: Path) -> None:
    Path("recipe.yaml").write_text(GOOD, encoding="utf-8")
    Path("lines.txt").write_bytes(SOURCES[kind])
    result = unicorn("run", "--recipe", "recipe.yaml", "--home", str(home))
    assert result.exit_code == 1
    assert "lines.txt" in result.output
    assert "Traceback" not in result.output


def test_an_unknown_shard_is_refused_with_the_known_ones(home: Path) -> None:
    Path("recipe.yaml").write_text(GOOD, encoding="utf-8")
    Path("lines.txt").write_text("a red boat on a lake\n", encoding="utf-8")
    result = unicorn("run", "--recipe", "recipe.yaml", "--home", str(home), "--shards", "lines-00007")
    assert result.exit_code == 2
    assert "lines-00000" in result.output


def test_a_lake_of_another_recipe_is_refused(home: Path) -> None:
    claim(Lake(str(home / "lake")), "theirs")
    Path("recipe.yaml").write_text(GOOD, encoding="utf-8")
    Path("lines.txt").write_text("a red boat on a lake\n", encoding="utf-8")
    result = unicorn("run", "--recipe", "recipe.yaml", "--home", str(home))
    assert result.exit_code == 2
    assert "theirs" in result.output


def test_status_of_an_empty_lake_says_so_quietly(home: Path) -> None:
    report = json.loads(unicorn("status", "--json", "--home", str(home)).output)
    assert report["wanted_shards"] == []
    assert unicorn("status", "--home", str(home)).exit_code == 0


def test_status_says_when_it_does_not_know_what_is_wanted(home: Path) -> None:
    claim(Lake(str(home / "lake")), "theirs")
    assert "not compared with a recipe: the lake is of 'theirs'" in unicorn("status", "--home", str(home)).output
    told = json.loads(unicorn("status", "--json", "--recipe", "gone.yaml", "--home", str(home)).output)
    assert told["not_compared"].startswith("not compared with the recipe: ")


def test_show_prints_rows_and_quarantine(home: Path) -> None:
    tiny_lake().write(home / "lake")
    rows = json.loads(unicorn("show", "captions", "--json", "--where", "task IS NULL", "--home", str(home)).output)
    assert [row["text"][:13] for row in rows] == ["A yellow tram"]
    assert "too_short" in unicorn("show", "quarantine", "--home", str(home)).output
    query = unicorn("show", "select count(*) AS n from captions", "--json", "--home", str(home))
    assert json.loads(query.output) == [{"n": 4}]


def test_a_wrong_table_or_query_is_one_line(home: Path) -> None:
    tiny_lake().write(home / "lake")
    assert "did you mean captions?" in unicorn("show", "caption", "--home", str(home)).output
    result = unicorn("show", "captions", "--where", "wrods > 3", "--home", str(home))
    assert result.exit_code == 2
    assert "wrods" in result.output


def test_lineage_goes_both_ways(home: Path) -> None:
    tiny_lake().write(home / "lake")
    for row_id in ("s0000000000000001", "c0000000000000001", "i0000000000000001"):
        chain = unicorn("lineage", row_id, "--json", "--home", str(home))
        assert chain.exit_code == 0, chain.output
        for expected in ("tiny.txt", "s0000000000000001", "c0000000000000001", "i0000000000000001"):
            assert expected in chain.output
    assert unicorn("lineage", "nothing", "--home", str(home)).exit_code == 2


def test_the_doctor_names_what_is_missing(home: Path) -> None:
    findings = json.loads(unicorn("doctor", "--json", "--home", str(home), "--recipe", "none.yaml").output)
    states = {finding["what"]: finding["state"] for finding in findings}
    assert states["recipe"] == "missing"
    assert states["lake"] == "ok"
    assert "open_clip" in next(f["detail"] for f in findings if f["what"] == "encoder")
