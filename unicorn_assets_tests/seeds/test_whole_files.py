"""Faults of whole files are one clear error that names the file."""

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.seeds.catalog import build_catalog
from unicorn_assets.seeds.listing import sources_fingerprint

LATIN = "\n".join(f"une vache br\u00fbl\u00e9e num\u00e9ro {n}" for n in range(5)).encode("latin-1")
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00"


def parquet_bytes(frame: pl.DataFrame, folder: Path) -> bytes:
    frame.write_parquet(folder / "frame")
    return (folder / "frame").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "source", "words"),
    [
        ("a.txt", b"", {}, ["a.txt: the file is empty"]),
        ("a.csv", b"", {}, ["a.csv: the file is empty"]),
        ("a.parquet", b"", {}, ["a.parquet: the file is empty"]),
        ("a.txt", b"\xef\xbb\xbf", {}, ["a.txt: source 's0' has no rows"]),
        ("a.txt", b"\n \n", {}, ["none of its 2 rows", "blank 2", "a.txt:1"]),
        ("a.csv", b"text,id\n", {}, ["a.csv: source 's0' has no rows"]),
        ("a.csv", b"\xef\xbb\xbf", {}, ["a.csv:1: source 's0': there is no column 'text'"]),
        ("a.txt", LATIN, {}, ["a.txt:1: 5 of the first 5 lines are not in utf-8", "latin-1"]),
        ("a.txt", b"ok\n" * 60 + LATIN, {}, ["a.txt:61: 5 of the first 65 lines are not in utf-8"]),
        ("a.txt", "eine K\u00fch".encode("utf-16"), {}, ["a.txt: the file is in UTF-16", "encoding: utf-16"]),
        ("a.txt", b"plain text\n", {"encoding": "utf-16"}, ["reads as UTF-8, not as utf-16"]),
        ("a.txt", b"a cat\n", {"encoding": "utf-9"}, ["a.txt: there is no encoding 'utf-9'"]),
        ("a.txt", b"a cat\n", {"encoding": "rot13"}, ["a.txt: there is no encoding 'rot13'"]),
        ("a.txt", PNG, {}, ["a.txt:3: byte 0 in the text: this is a binary file"]),
        ("a.jsonl", gzip.compress(b"{}", mtime=0), {}, ["a.jsonl: this is a gzip file"]),
        ("a.txt.gz", b"not packed", {}, ["a.txt.gz: cannot be read"]),
        ("a.txt.gz", gzip.compress(b"a cat\n" * 999, mtime=0)[:-12], {}, ["a.txt.gz: cannot be read"]),
        ("a.csv", b"caption,id\nx,1\n", {}, ["a.csv:1", "no column 'text'", "the columns are: caption, id"]),
        ("a.csv", b"Text,id\nx,1\n", {}, ["no column 'text'; did you mean 'Text'?"]),
        ("a.csv", b"text,text\nx,1\n", {}, ["a.csv:1: the header has 'text' 2 times"]),
        ("a.csv", b"x" * 2_000_000, {}, ["a.csv:1: the header has more than 1,000,000"]),
        ("a.csv", b"text\nx\n", {"columns": {"domain": "topic"}}, ["no column 'topic'", "{domain: ...}"]),
        ("a.jsonl", b'\n{"caption": "x"}\n' * 3, {}, ["a.jsonl:2", "no column 'text'", "are: caption"]),
        ("a.jsonl", b'{"texts": "x"}\n' * 1500, {}, ["did you mean 'texts'?"]),
        ("a.jsonl", b'{"text": "x"}\n', {"columns": {"label": "tag"}}, ["no column 'tag'"]),
        ("a.jsonl", b'[{"text": "x"}]', {}, ["a.jsonl:1: this is one JSON array", "jq"]),
        ("a.jsonl", b"text\na cat\n", {}, ["none of its 2 rows", "malformed_json 2", "a.jsonl:1"]),
        ("a.parquet", b"text\na cat\n", {}, ["a.parquet: cannot be read as Parquet"]),
        ("a.dat", b"a cat\n", {}, ["cannot tell the format of a.dat", "format"]),
    ],
)
def test_a_fault_of_the_file_is_a_user_error(
    name: str, content: bytes, source: dict[str, Any], words: list[str], tmp_path: Path, make_recipe: Any
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        build_catalog(make_recipe({"path": name} | source), None)
    for word in words:
        assert word in str(error.value)
    assert str(tmp_path) not in error.value.message


def test_parquet_columns_are_checked_before_rows_are_read(tmp_path: Path, make_recipe: Any) -> None:
    frame = pl.DataFrame({"caption": ["a"], "text": [1]})
    (tmp_path / "a.parquet").write_bytes(parquet_bytes(frame, tmp_path))
    with pytest.raises(UserError, match="column 'text' holds int64, not text"):
        build_catalog(make_recipe({"path": "a.parquet"}), None)
    with pytest.raises(UserError, match="no column 'captoin'; did you mean 'caption'"):
        build_catalog(make_recipe({"path": "a.parquet", "columns": {"text": "captoin"}}), None)


def test_a_parquet_file_that_is_cut_off_or_called_text(tmp_path: Path, make_recipe: Any) -> None:
    whole = parquet_bytes(pl.DataFrame({"text": ["a cat", "a dog"] * 5000}), tmp_path)
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "named.txt").write_bytes(whole)
    # A good footer over damaged pages.
    (tmp_path / "damaged.parquet").write_bytes(whole[:4] + b"\xff" * 60 + whole[64:])
    for name, words in (
        ("cut.parquet", "cut.parquet: cannot be read"),
        ("damaged.parquet", "damaged.parquet: cannot be read"),
        ("named.txt", "this is a Parquet file"),
    ):
        with pytest.raises(UserError, match=words):
            build_catalog(make_recipe({"path": name}), None)


@pytest.mark.parametrize("act", [lambda recipe: build_catalog(recipe, None), sources_fingerprint])
def test_files_that_cannot_be_opened(act: Any, tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "folder.txt").mkdir()
    for path, words in (
        ("gone.txt", "gone.txt: there is no such file"),
        ("folder.txt", "folder.txt: there is no file of seeds in it"),
        ("odd://host/a.txt", "odd://host/a.txt: cannot be opened"),
    ):
        with pytest.raises(UserError, match=words):
            act(make_recipe({"path": path}))
