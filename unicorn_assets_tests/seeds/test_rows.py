"""Faults of rows: the row is refused with a reason, the others go on."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from unicorn_assets.seeds.catalog import build_catalog
from unicorn_assets.seeds.readers import read_source
from unicorn_assets.seeds.rows import REASONS, Fault, Row


def reasons(rows: list[Row | Fault]) -> dict[int, str]:
    return {row[0]: row.reason for row in rows if isinstance(row, Fault)}


def texts(rows: list[Row | Fault]) -> dict[int, str]:
    return {row[0]: row.text for row in rows if isinstance(row, Row)}


def test_text_lines_are_counted_as_an_editor_counts(read: Any) -> None:
    rows = read("a.txt", "\ufeffone cat\r\n\r\ntwo\u2028cats\rthree cats")
    assert texts(rows) == {1: "one cat", 2: "", 3: "two\u2028cats", 4: "three cats"}


def test_jsonl_rows(read: Any) -> None:
    lines = ['{"text": "a cat", "d": 7}', "", "{oops", "[1]", '{"text": null}', '{"text": 5}', '{"x": 1}',
             '{"text": "a dog", "d": null}', '{"text": "\\ud800"}', "[" * 100_000]  # fmt: skip
    rows = read("a.jsonl", "\n".join(lines), columns={"domain": "d"})
    assert texts(rows) == {1: "a cat", 8: "a dog", 9: "\ud800"}
    assert [row.domain for row in rows if isinstance(row, Row)] == ["7", None, None]
    assert reasons(rows) == {2: "blank", 3: "malformed_json", 4: "malformed_json", 5: "missing_value", 6: "not_text",
                             7: "missing_value", 10: "malformed_json"}  # fmt: skip


def test_a_ten_megabyte_line_costs_one_row_and_little_memory(tmp_path: Path, make_recipe: Any) -> None:
    for name, frame in (("a.txt", "{}"), ("a.jsonl", '{{"text": "{}"}}'), ("a.csv", '"{}"')):
        lines = [frame.format(text) for text in ("a cat", "x" * 10_000_000, "a dog")]
        head = ["text"] if name == "a.csv" else []
        (tmp_path / name).write_text("\n".join(head + lines) + "\n")
        recipe = make_recipe({"path": name})
        tracemalloc.start()
        rows = list(read_source(recipe, recipe.sources[0]))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        first = 1 + len(head)
        assert texts(rows) == {first: "a cat", first + 2: "a dog"}
        assert reasons(rows) == {first + 1: "line_too_long"}
        assert peak < 8_000_000


def test_memory_does_not_grow_with_the_file(tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "a.jsonl").write_text(
        "".join(json.dumps({"text": f"cat {n} " + "x" * 200}) + "\n" for n in range(50_000))
    )
    recipe = make_recipe({"path": "a.jsonl"})
    tracemalloc.start()
    count = sum(1 for _ in read_source(recipe, recipe.sources[0]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 50_000
    assert peak < 2_000_000  # the file has 11 MB


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_undecodable_bytes_cost_their_own_row(name: str, tmp_path: Path, make_recipe: Any) -> None:
    frame = b'{"text": "%b"}' if name == "a.jsonl" else b"%b"
    lines = [frame % text for text in (b"a caf\xc3\xa9", b"a caf\xe9", b"a dog")]
    (tmp_path / name).write_bytes(b"\n".join([b"text", *lines] if name == "a.csv" else lines))
    result = build_catalog(make_recipe({"path": name}), None)
    assert set(result.catalog["text"]) == {"a caf\u00e9", "a dog"}
    refused = result.quarantine.row(0, named=True)
    assert refused["reason"] == "undecodable"
    assert refused["row_id"] == f"{name}:{3 if name == 'a.csv' else 2}"
    assert "0xE9" in refused["detail"]
    assert "a caf\\xe9" in refused["raw_answer"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-32", "shift_jis", "UTF8"])
def test_other_encodings(encoding: str, read: Any) -> None:
    text = "\u732b\u3068\u72ac" if encoding == "shift_jis" else "un caf\u00e9 cr\u00e8me"
    assert texts(read("a.txt", f"{text}\na dog\n".encode(encoding), encoding=encoding)) == {1: text, 2: "a dog"}


def test_every_refused_row_has_all_columns(tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "a.txt").write_text("hi\na cat on a mat\n\x07\n" + "long " * 30)
    result = build_catalog(make_recipe({"path": "a.txt", "domain": "pets"}, seeds={"max_chars": 50}), None)
    assert result.counts == {"s0": {"read": 4, "seeds": 1, "too_short": 1, "blank": 1, "too_long": 1}}
    assert result.quarantine["row_id"].to_list() == ["a.txt:1", "a.txt:3", "a.txt:4"]
    assert set(result.quarantine["reason"]) <= set(REASONS)
    assert result.quarantine["stage"].unique().to_list() == ["seed_catalog"]
    assert (
        result.quarantine.select("row_id", "detail", "raw_answer", "attempts", "at").null_count().sum_horizontal()[0]
        == 0
    )
    assert result.catalog.row(0, named=True) | {"seed_id": "", "shard": ""} == {
        "seed_id": "", "source": "s0", "text": "a cat on a mat", "domain": "pets", "label": None, "file": "a.txt",
        "row": 2, "shard": "",
    }  # fmt: skip


def test_max_rows_takes_the_first(read: Any) -> None:
    assert texts(read("a.txt", "a\nb\nc\n", max_rows=2)) == {1: "a", 2: "b"}
    assert texts(read("a.csv", "text\na\nb\nc\n", max_rows=2)) == {2: "a", 3: "b"}
    assert texts(read("a.jsonl", '{"text":"a"}\n{"text":"b"}\n', max_rows=1)) == {1: "a"}


def test_parquet_values(tmp_path: Path, make_recipe: Any) -> None:
    pl.DataFrame({"t": ["a cat", None, "", "a dog"], "d": [1, 2, None, 4]}).write_parquet(tmp_path / "a.parquet")
    result = build_catalog(make_recipe({"path": "a.parquet", "columns": {"text": "t", "domain": "d"}}), None)
    assert result.catalog.select("text", "domain", "row").rows() == [("a cat", "1", 1), ("a dog", "4", 4)]
    assert result.quarantine.select("row_id", "reason").rows() == [
        ("a.parquet:2", "missing_value"), ("a.parquet:3", "blank"),
    ]  # fmt: skip


def test_parquet_text_as_bytes_or_categories(tmp_path: Path, make_recipe: Any) -> None:
    pl.DataFrame({"text": [b"a cat", b"caf\xe9"]}).write_parquet(tmp_path / "bytes.parquet")
    names = pl.Series(["a fox", "a fox", "an owl"], dtype=pl.Categorical)
    pl.DataFrame({"text": names}).write_parquet(tmp_path / "kinds.parquet")
    result = build_catalog(make_recipe({"path": "bytes.parquet"}, {"path": "kinds.parquet"}), None)
    assert result.catalog["text"].to_list() == ["a cat", "a fox", "an owl"]
    assert result.quarantine["reason"].to_list() == ["undecodable", "duplicate_seed"]
