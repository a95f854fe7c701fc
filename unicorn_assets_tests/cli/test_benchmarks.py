"""`unicorn benchmarks`: items, what of them can be found, what was refused."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unicorn_assets.cli import app
from unicorn_assets.lake.quarantine_rows import quarantine_rows
from unicorn_assets.lake.store import Lake, Made

ASKED = "How many lamps hang over the long table by the window?"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "seeds.txt").write_text("a lamp\n")
    (tmp_path / "quiz.jsonl").write_text(json.dumps({"question": ASKED}) + '\n{"question": "Is it red?"}\n')
    (tmp_path / "r.yaml").write_text(
        "name: r\nsources: [{name: a, path: seeds.txt}]\nllm: {}\nbenchmarks: [{name: quiz, path: quiz.jsonl}]\n"
    )
    leaked = {"row_id": "c1", "parent_id": "s1", "reason": "leaked", "detail": "holds the question of item 1 of quiz"}
    refused = quarantine_rows("captions", [{**leaked, "raw_answer": ASKED, "attempts": 1}])
    Lake(str(tmp_path / "lake")).write("quarantine/captions", "a-00000", refused, Made("r"))
    return tmp_path


def run(home: Path, *arguments: str) -> str:
    done = CliRunner().invoke(app, ["benchmarks", "--home", str(home), "--recipe", str(home / "r.yaml"), *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_table_and_a_text(home: Path) -> None:
    said = run(home, "--text", f"A room. {ASKED}")
    assert "50.0%" in said
    assert "of item 1 of quiz" in said


def test_as_json(home: Path) -> None:
    assert json.loads(run(home, "--json")) == {
        "benchmarks": {"quiz": {"items": 2, "testable": 0.5, "refused": 1}}
    }  # fmt: skip
