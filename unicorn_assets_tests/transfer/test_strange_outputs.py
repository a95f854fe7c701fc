"""What is no file, what lies in the way of an output, and names of every kind, through `unicorn transfer`."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from unicorn_assets.errors import UserError
from unicorn_assets.vectors.files import read_vectors
from unicorn_assets_tests.transfer.strange_vectors import (
    D,
    listed,
    refused,
    rows,
    unicorn,
)


def test_what_is_no_file_is_not_waited_for(here: Path) -> None:
    for name in ("pipe.npy", "pipe.safetensors", "pipe.parquet"):
        os.mkfifo(name)
        refused(
            unicorn("fit", "--text", name, "--images", "images.npy", "--out", "o.safetensors"), "a pipe, not a file"
        )
    arguments = ("apply", "--transfer", "pipe.safetensors", "--text", "text.npy", "--out", "o.npy")
    refused(unicorn(*arguments), "a pipe, not a file")
    Path("empty").mkdir()
    refused(
        unicorn("fit", "--text", "empty", "--images", "images.npy", "--out", "o.safetensors"), "holds no .safetensors"
    )
    (here / "empty" / "one.npy").mkdir()
    refused(
        unicorn("fit", "--text", "empty", "--images", "images.npy", "--out", "o.safetensors"), "a folder, not a file"
    )


def test_an_output_never_replaces_an_input(here: Path) -> None:
    Path("in/deep").mkdir(parents=True)
    for name in ("in/a.safetensors", "in/b.safetensors"):
        save_file({"vectors": rows(3)}, name)
    Path("link").symlink_to("in")
    os.link("in/a.safetensors", "hard.safetensors")
    moved = Path("in/a.safetensors").read_bytes()
    for text, out in (
        ("in", "in"), ("in", "./in/"), ("in", "in/deep"), ("in", "in/new"), ("in", "in/all.safetensors"),
        ("in", "link"), ("link", "in"), ("link", "link/new"), ("in/a.safetensors", "in/a.safetensors"),
        ("in/a.safetensors", "hard.safetensors"), ("hard.safetensors", "in/a.safetensors"),
        ("in/a.safetensors", "in"), ("in/a.safetensors", "link"), ("text.npy", "none.safetensors"),
    ):  # fmt: skip
        result = unicorn("apply", "--transfer", "none.safetensors", "--text", text, "--out", out)
        refused(result, "the input")
    for arguments in (
        ("fit", "--text", "in", "--images", "images.npy", "--out", "in/move.safetensors"),
        ("fit", "--text", "text.npy", "--images", "in/a.safetensors", "--out", "hard.safetensors"),
        (
            "report",
            "--transfer",
            "none.safetensors",
            "--text",
            "text.npy",
            "--images",
            "images.npy",
            "--out",
            "text.npy",
        ),
    ):
        refused(unicorn(*arguments), "the input")
    assert Path("in/a.safetensors").read_bytes() == moved
    assert listed("in") == ["a.safetensors", "b.safetensors", "deep"]


def test_a_folder_is_written_whole_or_not_at_all(here: Path) -> None:
    Path("in").mkdir()
    np.save("in/a.npy", rows(3))
    save_file({"vectors": rows(4)}, "in/a.safetensors")
    arguments = ("apply", "--transfer", "none.safetensors", "--text", "in", "--out")
    before = listed()
    refused(unicorn(*arguments, "out"), "a.npy and a.safetensors would both be written as a.safetensors", before)
    Path("in/a.npy").rename("in/b.npy")
    bad = rows(4)
    bad[50, 3] = np.nan
    np.save("in/c.npy", bad)
    refused(unicorn(*arguments, "out"), "c.npy: row 50 has NaN in column 3", before)
    Path("out").mkdir()
    Path("out/mine.txt").write_text("stays")
    refused(unicorn(*arguments, "out"), "c.npy: row 50")
    assert listed("out") == ["mine.txt"]
    Path("in/c.npy").unlink()
    assert unicorn(*arguments, "out").exit_code == 0
    assert listed("out") == ["a.safetensors", "b.safetensors", "mine.txt"]
    refused(unicorn(*arguments, "text.npy/out"), "text.npy/out")


def test_a_report_is_of_good_rows_or_names_the_bad_one(here: Path) -> None:
    report = ("report", "--transfer", "realign.safetensors", "--text", "x.npy", "--images", "images.npy", "--out")
    for n in (1, 2, 3):
        np.save("x.npy", rows(5, n))
        for pairs in ((), ("--pairs",)):
            result = unicorn(*report, "r.html", *pairs)
            assert result.exit_code in (0, 2), result.output
            assert len(result.output.splitlines()) <= 4, result.output
    for value in (np.nan, np.inf, 0.0):
        bad = rows(5)
        bad[7] = value
        np.save("x.npy", bad)
        refused(unicorn(*report, "s.html"), "x.npy: row 7")
    assert not Path("s.html").exists()


def test_names_of_files_with_any_character(here: Path) -> None:
    for name in (b"\xff\xfe.npy", b"line\nbreak.npy", b"\x1b[31m.npy", "é\u202e.npy".encode()):
        path = os.fsdecode(name)
        np.save(path, rows(3))
        result = unicorn("fit", "--text", path, "--images", "images.npy", "--out", "m.safetensors", "--json")
        assert result.exit_code == 0, (name, result.output)
        assert json.loads(result.stdout)["transfer"] == "m.safetensors"
        np.save(path, np.full((3, D), np.nan, np.float32))
        refused(unicorn("fit", "--text", path, "--images", "images.npy", "--out", "m.safetensors"), "row 0 has NaN")


def test_vectors_of_a_pipe_or_a_reference_of_one(here: Path) -> None:
    os.mkfifo("p.npy")
    with pytest.raises(UserError, match="a pipe"):
        list(read_vectors("p.npy"))
    with pytest.raises(UserError, match="a pipe"):
        list(read_vectors(f"file://{here}/p.npy"))
