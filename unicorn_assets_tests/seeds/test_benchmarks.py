"""Items of benchmarks from files of each kind; columns that hold no text are not read."""

import json
from pathlib import Path

import polars as pl
import pytest

from unicorn_assets.curation.leaks import Item
from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe
from unicorn_assets.seeds.benchmarks import read_benchmarks
from unicorn_assets_tests.scripted import recipe

ROWS = [
    {"index": 7, "q": "What is it?", "A": "a kite", "B": "a pan", "image": b"\xff\xd8"},
    {"index": 8, "q": "", "A": "x", "B": "y", "image": b"\xff\xd8"},
]
COLUMNS = {"texts": ["q"], "options": ["A", "B"], "id": "index"}


def of(path: Path, **keys: object) -> Recipe:
    return recipe(benchmarks=[{"name": "quiz", "path": str(path), "columns": COLUMNS, **keys}])


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "parquet"])
def test_each_kind_of_file_gives_the_same_items(kind: str, tmp_path: Path) -> None:
    path, frame = tmp_path / f"quiz.{kind}", pl.DataFrame(ROWS)
    if kind == "jsonl":
        path.write_text("\n".join(json.dumps({**row, "image": "/9j/"}) for row in ROWS))
    elif kind == "parquet":
        frame.write_parquet(path)
    else:
        frame.with_columns(image=pl.lit("/9j/")).write_csv(path, separator="\t" if kind == "tsv" else ",")
    items, hashes = read_benchmarks(of(path))
    assert items == [Item("quiz", "7", ("What is it?",), ("a kite", "a pan"))]
    path.write_bytes(path.read_bytes() + b"\n")
    if kind != "parquet":
        assert read_benchmarks(of(path))[1] != hashes


def test_lists_and_objects_of_options(tmp_path: Path) -> None:
    path = tmp_path / "quiz.jsonl"
    path.write_text('{"q": "One?", "o": ["a", 2]}\n{"q": "Two?", "o": {"A": "x", "B": null}}\n')
    items, _ = read_benchmarks(of(path, columns={"texts": ["q"], "options": ["o"]}))
    assert items == [Item("quiz", "1", ("One?",), ("a", "2")), Item("quiz", "2", ("Two?",), ("x",))]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("quiz.jsonl", '{"question": "One?"}', "no column 'q'"),
        ("quiz.jsonl", "[1]", "cannot be read as jsonl"),
        ("quiz.parquet", "PAR1", "cannot be read as parquet"),
        ("quiz.xls", "", "cannot tell the format"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_a_line(name: str, text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        read_benchmarks(of(path))
