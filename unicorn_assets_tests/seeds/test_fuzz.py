"""Files that somebody or something has damaged: rows that add up, or one error that names the file, and no other."""

import codecs
import gzip
import json
import random
import resource
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe
from unicorn_assets.seeds.catalog import CatalogResult, build_catalog

TEXTS = [
    "a red kayak",
    "two goats, one bridge",
    'a "quoted" sign',
    "un café\nau lait",
    "犬がいる",
    "nan",
    "",
    "salt &amp; <b>pepper</b>",
]
PIECES = [
    b'"', b'""', b",", b"\t", b";", b"\n", b"\r", b"\r\n", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe9",
    b"\xed\xa0\x80", b"\\", b"{", b"}", b"[" * 3000, b"NaN", b"1" * 5000, b"x" * 140_000, b"&#0;", b"&#x110000;", b"<",
    b"<b", b"\x1b[31m", b"PAR1", b"\x1f\x8b", b"\xe2\x80\x8b", b'"text":', b"text", b" " * 300,
]  # fmt: skip
ENCODINGS = ["utf-8", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "shift_jis"]


def whole(kind: str, draw: random.Random, folder: Path) -> bytes:
    """A good file of some rows."""
    rows = [{"id": n, "text": draw.choice(TEXTS), "tag": draw.choice(["a", None])} for n in range(draw.randint(1, 12))]
    if kind == "parquet":
        table = pa.table({"id": [row["id"] for row in rows], "text": [row["text"] for row in rows]})
        compression = draw.choice(["none", "snappy", "zstd"])
        pq.write_table(table, folder / "whole", compression=compression, use_dictionary=draw.random() < 0.5)
        return (folder / "whole").read_bytes()
    if kind == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=draw.random() < 0.5) + "\n" for row in rows).encode()
    if kind == "txt":
        return "".join(f"{row['text']}\n" for row in rows).encode()
    mark = "\t" if kind == "tsv" else draw.choice(",;")
    cells = [[str(row["id"]), str(row["text"]), str(row["tag"])] for row in rows]
    quoted = [mark.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells]
    return "\n".join([mark.join(["id", "text", "tag"]), *quoted, ""]).encode()


def damaged(content: bytes, draw: random.Random) -> bytes:
    """The same with one to four wounds."""
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(content) + 1)
        match draw.randrange(5):
            case 0:
                content = content[:at] + draw.choice(PIECES) + content[at:]
            case 1:
                content = content[:at] + content[at + draw.randint(1, 30) :]
            case 2:
                content = content[:at]
            case 3:
                content = content[:at] + draw.randbytes(draw.randint(1, 4)) + content[at + 4 :]
            case _:
                content += content[at:]
    return content


def flipped(content: bytes, draw: random.Random) -> bytes:
    """The same with a few bytes changed in their places, which a file with a footer may survive."""
    changed = bytearray(content)
    for _ in range(draw.randint(0, 2)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "txt", "parquet", "csv.gz"])
def test_damaged_files(kind: str, tmp_path: Path, make_recipe: Any) -> None:
    draw = random.Random(f"seeds {kind}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = refused = 0
    for number in range(150):
        content = whole(kind.removesuffix(".gz"), draw, tmp_path)
        encoding = draw.choice(ENCODINGS) if draw.random() < 0.3 and kind != "parquet" else "utf-8"
        if encoding != "utf-8":
            content = content.decode().encode(encoding, "replace")
        content = flipped(content, draw) if kind == "parquet" and number % 2 else damaged(content, draw)
        name = f"{number}.{kind}"
        packed = gzip.compress(content) if kind == "csv.gz" else content
        (tmp_path / name).write_bytes(damaged(packed, draw) if kind == "csv.gz" and number % 2 else packed)
        said = encoding if draw.random() < 0.8 else draw.choice(ENCODINGS)
        recipe = make_recipe({"path": name, "encoding": said})
        result = built(recipe)
        if isinstance(result, UserError):
            assert result.message.startswith(f"{name}:"), result.message
            assert (result.message + result.hint).isprintable()  # and so on one line each
            refused += 1
            continue
        count = result.counts["s0"]
        assert count["read"] == result.catalog.height + result.quarantine.height
        assert count["read"] == sum(value for key, value in count.items() if key != "read")
        if kind in ("txt", "jsonl"):  # every line is a row
            assert count["read"] == lines_of(content, said)
        assert result.catalog["text"].str.contains(r"\x00|&quot;|\n").sum() == 0
        read += 1
    assert read > 5
    assert refused > 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes


def built(recipe: Recipe) -> CatalogResult | UserError:
    try:
        return build_catalog(recipe, None)
    except UserError as error:
        return error


def lines_of(content: bytes, encoding: str) -> int:
    """Lines as an editor counts them; marks alone are none."""
    if content.startswith(codecs.BOM_UTF8):
        encoding = "utf-8"
    wide = encoding.startswith(("utf-16", "utf-32"))
    text = content.decode(encoding, "replace" if wide else "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
    return len(text.split("\n")) - (not text.split("\n")[-1].strip("\ufeff"))
