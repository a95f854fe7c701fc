"""Files as people have them: each gives its rows, or rows refused by name, or one error that says what the file is."""

import bz2
import codecs
import gzip
import json
import lzma
import os
import random
import socket
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.seeds.catalog import CatalogResult, build_catalog
from unicorn_assets.seeds.listing import sources_fingerprint

CSV = "id,text\n1,a red kayak\n2,two goats\n"
KAYAK = ["a red kayak", "two goats"]
PICTURE = "A" * 1_400_000
WIDE = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.fixture
def catalog(tmp_path: Path, make_recipe: Any) -> Any:
    def build(name: str, content: bytes | str | None = None, **keys: Any) -> CatalogResult:
        if content is not None:
            (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        gates = {"seeds": keys.pop("seeds")} if "seeds" in keys else {}
        recipe = make_recipe({"path": name} | keys, **gates)
        sources_fingerprint(recipe)
        result = build_catalog(recipe, None)
        (count,) = result.counts.values()
        assert count["read"] == count["seeds"] + result.quarantine.height  # nothing is lost
        return result

    return build


def texts(result: CatalogResult) -> list[str]:
    return list(result.catalog["text"])


def refused(result: CatalogResult) -> dict[str, str]:
    return dict(result.quarantine.select("row_id", "reason").iter_rows())


def one_line(build: Any, *arguments: Any, **keys: Any) -> str:
    with pytest.raises(UserError) as error:
        build(*arguments, **keys)
    told = f"{error.value.message} -> {error.value.hint}"
    assert "\n" not in told
    assert len(told) < 1000
    return told


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_a_picture_in_a_column_that_nobody_asked_for(ending: str, quoted: bool, catalog: Any) -> None:
    mark, quote = "\t" if ending == "tsv" else ",", '"' if quoted else ""
    rows = [f"{quote}{PICTURE[:size]}{quote}{mark}a cat{size}" for size in (10, 131_073, 900_000, 1_400_000)]
    rows.append(mark.join([PICTURE] * 1) + f"{mark}one more")
    result = catalog(f"a.{ending}", "\n".join([f"picture{mark}text", *rows, ""]))
    assert result.catalog.height == 5
    assert not refused(result)


def test_a_row_of_many_pictures_and_one_wrapped_in_lines(catalog: Any) -> None:
    names = ",".join(f"p{n}" for n in range(6))
    assert texts(catalog("a.csv", f"{names},text\n{','.join([PICTURE] * 6)},a cat\n")) == ["a cat"]
    wrapped = "\n".join(["B" * 76] * 12_000)
    assert texts(catalog("a.csv", f'text,picture\na cat,"{wrapped}"\na dog,x\n')) == ["a cat", "a dog"]
    line = json.dumps({"picture": PICTURE, "text": "a cat"})
    assert texts(catalog("a.jsonl", f"{line}\n")) == ["a cat"]


def test_a_text_that_is_as_long_as_a_picture_is_refused(catalog: Any) -> None:
    for name, frame in (("a.csv", "text,id\n{},1\na cat,2\n"), ("a.jsonl", '{{"text": "{}"}}\n{{"text": "a cat"}}\n')):
        result = catalog(name, frame.format(PICTURE), seeds={"max_chars": 10_000_000})
        assert texts(result) == ["a cat"]
        assert list(refused(result).values()) == ["line_too_long"]


@pytest.mark.parametrize("encoding", [*WIDE, "utf-8"])
@pytest.mark.parametrize("marks", [0, 1, 2])
def test_byte_order_marks(marks: int, encoding: str, catalog: Any) -> None:
    mark = WIDE.get(encoding, codecs.BOM_UTF8)
    assert texts(catalog("a.csv", mark * marks + CSV.encode(encoding), encoding=encoding)) == KAYAK
    family = encoding[:6] if encoding != "utf-8" else encoding
    if marks:
        lines = [mark * marks + f'{{"text": "{text}"}}\n'.encode(encoding) for text in KAYAK]
        assert texts(catalog("a.jsonl", b"".join(lines), encoding=family)) == KAYAK
    if encoding in WIDE:
        assert f"encoding: {family}" in one_line(catalog, "a.csv", mark * marks + CSV.encode(encoding))


@pytest.mark.parametrize("said", ["latin-1", "cp1252", "utf-8", "utf8"])
def test_a_utf8_mark_wins(said: str, catalog: Any) -> None:
    content = codecs.BOM_UTF8 + '"text",id\n"un café, noir",1\n'.encode()
    assert texts(catalog("a.csv", content, encoding=said)) == ["un café, noir"]


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ('"picture\nnumber",text', "text"),
        ('text,"note\nof author"', "text"),
        ('id,"caption\n(English)"', "caption\n(English)"),
        ('id,"caption\r\n(English)"', "caption (English)"),
        ('id,text,"a\n\nb, c",place', "text"),
        ("id, Caption.En \t,x", "Caption.En"),
        ("\ufeff\ufefftext,id", "text"),
        ('"id" ,text', "text"),
        ("\n\nid,text", "text"),
        ("sep=;\nid;text", "text"),
        ('id;"a, b";text', "text"),
    ],
)
def test_headers(header: str, column: str, catalog: Any) -> None:
    mark = ";" if ";" in header else ","
    names = header.replace('"a\n\nb, c"', "x").replace('"a, b"', "x").replace("sep=;\n", "").replace('"', "")
    place = next(n for n, name in enumerate(names.split(mark)) if name.strip(" \t\n\ufeff").startswith(column[:4]))
    fields = [mark.join("a cat" if n == place else "x" for n in range(names.count(mark) + 1))]
    result = catalog("a.csv", "\n".join([header, *fields]), columns={"text": column})
    assert texts(result) == ["a cat"]
    assert result.catalog["row"].to_list() == [header.replace("\r\n", "\n").count("\n") + 2]


def test_headers_that_cannot_be(catalog: Any) -> None:
    assert "a.csv:1: the header cannot be read: a quote" in one_line(catalog, "a.csv", 'id,"text\n1,a cat\n' * 3)
    assert "has 'text' 2 times" in one_line(catalog, "a.csv", "text, text \na,b\n")
    told = one_line(catalog, "a.csv", ",".join(["\x1b[31m" + "n" * 500] * 300) + "\n1\n")
    assert "\x1b" not in told


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "\n"])
def test_line_ends(end: str, last: str, catalog: Any) -> None:
    lines = CSV.strip().split("\n") + ["3,a g\udce9t"] + [f"4,an owl {n}" for n in range(9)]
    content = (end.join(lines) + last.replace("\n", end)).encode("utf-8", "surrogateescape")
    result = catalog("a.csv", content)
    assert texts(result)[:2] == KAYAK
    assert refused(result) == {"a.csv:4": "undecodable"}
    assert "byte 0xE9 at character 4" in result.quarantine["detail"][0]


def test_a_quote_that_is_never_closed_is_named(catalog: Any) -> None:
    lines = ["id,text", '1,"a cat', *(f"2,a dog {n}" for n in range(30_000))]
    result = catalog("a.csv", "\n".join(lines))
    assert result.catalog.height == 30_000
    assert refused(result) == {"a.csv:2": "malformed_csv"}


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
@pytest.mark.parametrize("place", [0, 58, 2500])
def test_one_zero_byte_costs_its_own_row_wherever_it_stands(place: int, name: str, catalog: Any) -> None:
    words = [f"a red kayak on beach number {n} and so on" for n in range(3000)]
    words[place] = words[place].replace("kayak", "kay\0ak")
    lines = [f'{{"text": "{text}"}}' if name == "a.jsonl" else text for text in words]
    result = catalog(name, "\n".join(["text", *lines] if name == "a.csv" else lines))
    assert result.catalog.height == 2999
    assert refused(result) == {f"{name}:{place + (2 if name == 'a.csv' else 1)}": "undecodable"}
    assert "zero byte" in result.quarantine["detail"][0]


def test_an_escaped_zero_and_one_in_a_column_nobody_wants(catalog: Any) -> None:
    assert refused(catalog("a.jsonl", '{"text": "a \\u0000 cat"}\n{"text": "a dog"}\n')) == {"a.jsonl:1": "undecodable"}
    assert texts(catalog("a.csv", "id,text\n\0,a cat\n1,a dog\n")) == ["a cat", "a dog"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("5", "not_text"),
        ("true", "not_text"),
        ("NaN", "not_text"),
        ("-Infinity", "not_text"),
        ("1" * 6000, "not_text"),
        ('["a"]', "not_text"),
        ('{"a": 1, "a": 2}', "not_text"),
        ("null", "missing_value"),
        ('"a", "text": "b b b"', "malformed_json"),
        ("[" * 900 + "]" * 900, None),
        ("[" * 90_000, "malformed_json"),
        ('"a cat"},', "malformed_json"),
        ('"a cat"}{"text": "a dog"', "malformed_json"),
        ('"\\ud800"', "undecodable"),
        ('"\\"nan\\""', "no_text"),
    ],
)
def test_json_values(value: str, reason: str | None, catalog: Any) -> None:
    good = '{"text": "an owl"}'
    result = catalog("a.jsonl", f'{good}\n{{"text": {value}}}\n{{"text": "a hen", "d": {"1" * 9000}}}\n', columns={})
    assert set(texts(result)) == {"an owl", "a hen"}
    assert list(refused(result)) == ["a.jsonl:2"]
    assert reason is None or refused(result)["a.jsonl:2"] == reason
    deep = f'{good}\n{{"text": "a hen", "d": {value}}}\n{{"text": "a cow", "d": 1}}'
    assert catalog("a.jsonl", deep, columns={"domain": "d"}).counts["s0"]["read"] == 3


@pytest.mark.parametrize("content", ['[{"text": "a"}]', '\n [\n {"text": "a"}\n]', '{\n "text": "a"\n}\n'])
def test_json_that_is_not_lines(content: str, catalog: Any) -> None:
    assert "jq -c" in one_line(catalog, "a.jsonl", content)


NOTHING = ["nan", "NaN", "NULL", "None", "N/A", "n/a", "#N/A", "<NA>", "...", "???", "-", "---", "undefined", "(null)",
           "[deleted]", '"nan"', "'NULL'", "#REF!", "ＮＵＬＬ", "n\u200bull", "—", "* * *",
           "[object Object]"]  # fmt: skip


@pytest.mark.parametrize("word", NOTHING)
def test_words_for_nothing(word: str, catalog: Any) -> None:
    content = f"{word}\na red kayak\n"
    assert refused(catalog("a.txt", content, seeds={"min_chars": 1})) == {"a.txt:1": "no_text"}
    kept = catalog("a.txt", content, seeds={"min_chars": 1, "no_text": []})
    assert kept.catalog.height == 2
    assert "none of its 1 rows can be used: no_text 1" in one_line(catalog, "a.txt", word, seeds={"min_chars": 1})


def test_texts_that_are_no_words_for_nothing(catalog: Any) -> None:
    good = [
        "Nan bread beside a bowl",
        "😀😀😀",
        "犬がテーブルの下にいる",
        "كلب تحت الطاولة",
        "12345",
        "none of the cats",
        "é\u0301a",
        "👩\u200d🚀",
    ]
    assert catalog("a.txt", "\n".join(good)).catalog.height == len(good)
    assert texts(catalog("a.txt", "tbd\nnan\n", seeds={"no_text": ["TBD"]})) == ["nan"]


def test_labels_for_nothing_and_with_damage(tmp_path: Path, make_recipe: Any) -> None:
    (tmp_path / "t.txt").write_text("a photo of a {label}\n")
    (tmp_path / "l.txt").write_text("osprey\nnan\nki\0te\nsalt &amp; pepper\n")
    result = build_catalog(make_recipe({"labels": "l.txt", "templates": "t.txt"}), None)
    assert texts(result) == ["a photo of an osprey", "a photo of a salt & pepper"]
    assert refused(result) == {"l.txt:2": "no_text", "l.txt:3": "undecodable"}


KINDS = {
    "a zip file": b"PK\x03\x04....",
    "an Excel file": b"PK\x03\x04[Content_Types].xml..xl/workbook.xml",
    "a Word file": b"PK\x03\x04[Content_Types].xml..word/document.xml",
    "an HTML or XML page": b"\n<!DOCTYPE html><html>",
    "a PDF file": b"%PDF-1.7\n%\xe2\xe3",
    "a tar archive": b"a" * 257 + b"ustar\0",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
    "a bzip2 file": bz2.compress(b"text\na cat"),
    "an xz file": lzma.compress(b"text\na cat"),
    "a gzip file": gzip.compress(b"text\na cat", mtime=0),
    "a zstd file": b"\x28\xb5\x2f\xfd1234",
    "an SQLite database": b"SQLite format 3\0\x10\0",
    "an encrypted Parquet file": b"PARE1234PARE",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt", "a.parquet", "a.csv.zst"])
def test_files_that_are_something_else(name: str, kind: str, catalog: Any) -> None:
    told = one_line(catalog, name, KINDS[kind])
    assert kind in told or (name == "a.parquet" and "cannot be read as Parquet" in told)


@pytest.mark.parametrize("content", [random.Random(1).randbytes(9000), b"\0" * 5000, bytes(range(256)) * 20])
def test_binary_files(content: bytes, catalog: Any) -> None:
    for name in ("a.csv", "a.jsonl", "a.txt"):
        one_line(catalog, name, content)


def test_packed_files_and_what_unpacks_without_end(catalog: Any) -> None:
    for ending, pack in ((".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)):
        assert texts(catalog(f"a.csv{ending}", pack(CSV.encode()))) == KAYAK
    content = b"text\n" + b"A" * 17_000_000
    for ending, bomb in ((".gz", gzip.compress(content, 6)), (".xz", lzma.compress(content, preset=0))):
        assert "unpacks to more than 250 times" in one_line(catalog, f"a.csv{ending}", bomb)


NAMES = ["a b.csv", "a\nb.csv", "[x]*.csv", "a#b?c%20.csv", "-a.csv", ".a.csv", "a::b.csv", "~.csv", "file:a.csv",
         "{x}.csv", "A.CSV", "\u202ea\x1b[31m.csv", "é" * 125 + ".csv", "a\udce9.csv"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_legal_name(name: str, catalog: Any) -> None:
    result = catalog(name, CSV + "3,nan\n")
    assert texts(result) == KAYAK
    assert result.catalog["file"][0].isprintable()
    assert "\n" not in one_line(catalog, name, "id\n1\n")


def test_what_is_no_file(tmp_path: Path, catalog: Any) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "gone.csv").symlink_to("nowhere")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "plain.csv").write_text(CSV)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.csv"))
        for name, words in (
            ("pipe.csv", "a pipe or a device"),
            ("socket.csv", "cannot be read"),
            ("loop.csv", "cannot be read"),
            ("gone.csv", "no such file"),
            ("folder.csv", "there is no file of seeds in it"),
            ("plain.csv/a.csv", "cannot be read"),
            ("n" * 300 + ".csv", "cannot be read"),
            ("a\0.csv", "cannot be read"),
        ):
            assert words in one_line(catalog, name)
    for device in ("/dev/zero", "/dev/null"):
        assert "a pipe or a device" in one_line(catalog, device, format="text")


def test_parquet_json_and_other_texts(tmp_path: Path, catalog: Any) -> None:
    cells = ['"a red kayak"', "two goats", '{"a": 1}', "null", None]
    column = pa.array(cells, pa.json_())
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    result = catalog("a.parquet")
    assert texts(result) == KAYAK
    assert list(refused(result).values()) == ["not_text", "missing_value", "missing_value"]
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int8(), pa.string())):
        pq.write_table(pa.table({"text": pa.array(KAYAK).cast(kind)}), tmp_path / "a.parquet")
        assert texts(catalog("a.parquet")) == KAYAK
    for encoding in ("DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"):
        table = pa.table({"text": KAYAK, "d": KAYAK})
        pq.write_table(table, tmp_path / "a.parquet", use_dictionary=False, column_encoding={"text": encoding})
        assert texts(catalog("a.parquet", columns={"domain": "d"})) == KAYAK
    for kind, value in ((pa.list_(pa.string()), ["a"]), (pa.struct({"en": pa.string()}), {"en": "a"}), (pa.int64(), 1)):
        pq.write_table(pa.table({"text": pa.array([value], kind)}), tmp_path / "a.parquet")
        assert "column 'text' holds" in one_line(catalog, "a.parquet")
    pq.write_table(pa.Table.from_arrays([pa.array(KAYAK)] * 2, names=["text", "text"]), tmp_path / "a.parquet")
    assert "2 columns 'text'" in one_line(catalog, "a.parquet")


def test_small_parquet_files_that_unpack_to_gigabytes(tmp_path: Path, catalog: Any) -> None:
    cell = "A" * 270_000
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 8192 + [1], pa.int32()), pa.array([cell, "a cat"]))
    pq.write_table(pa.table({"text": repeated}), tmp_path / "a.parquet", compression="zstd", store_schema=False)
    assert (tmp_path / "a.parquet").stat().st_size < 3000
    before = pa.default_memory_pool().max_memory()
    result = catalog("a.parquet")
    assert texts(result) == ["a cat"]
    assert set(refused(result).values()) == {"too_long"}
    assert pa.default_memory_pool().max_memory() - before < 100_000_000
    plain = pa.table({"text": [cell] * 100})
    pq.write_table(plain, tmp_path / "a.parquet", compression="zstd", use_dictionary=False)
    assert "unpacks to more than 250 times" in one_line(catalog, "a.parquet")
    pq.write_table(pa.table({"text": ["B" * 1_000_001, "a cat"]}), tmp_path / "a.parquet")
    assert refused(catalog("a.parquet")) == {"a.parquet:1": "line_too_long"}
