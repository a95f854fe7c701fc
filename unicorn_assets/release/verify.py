"""Whether a release is what its manifest says, without the lake it came from.

Streams every file once; memory holds a line, a row group and the ids. Not here: judging the texts.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from unicorn_assets.lake.files import Files
from unicorn_assets.lake.released import MANIFEST, read_manifest
from unicorn_assets.safetensors_header import head_of, read_header

BLOCK = 1 << 24  # bytes read at a time


def verify_release(path: str, storage_options: dict[str, Any] | None = None) -> list[str]:
    """Problems of the release folder at `path` (a path or URL), one sentence each; an empty list when it is sound.

    Checked: files there and none besides, bytes and sha256, rows, ids the same in all files and in order, roles that
    alternate from human to gpt, one <image> in the first turn, finite vectors.
    """
    files = Files(path, storage_options)
    if not files.exists(MANIFEST):
        return [f"{path} holds no {MANIFEST}: it is no release, or it was only half copied"]
    try:
        manifest = read_manifest(files.read(MANIFEST))
    except (ValueError, IsADirectoryError) as error:
        return [f"{MANIFEST} is damaged: {error}"]
    listed: dict[str, Any] = manifest["files"]
    rows = int(manifest["rows"])
    there = files.names("")
    problems = [f"{name} is missing" for name in listed if name not in there]
    problems += [f"{name} does not belong to the release" for name in there if name not in {*listed, MANIFEST}]
    for name in (name for name in listed if name in there):
        problem = wrong_bytes(files, name, listed[name])
        problems += [problem] if problem else []
    if problems:  # what the rows say is of no use when the bytes are others
        return problems
    ids: list[str] = []
    for name in sorted(listed):
        if name.endswith(".json"):
            problems += _check_records(files, name, ids)
    for name in sorted(listed):
        if name.endswith(".parquet"):
            problems += _same(name, _parquet_ids(files, name), ids)
        elif name == "embeddings.safetensors":
            problems += _check_vectors(files, name, ids)
    if len(ids) != rows:
        problems.append(f"{MANIFEST} says {rows:,} rows, the JSON array holds {len(ids):,}")
    return problems


def wrong_bytes(files: Files, path: str, listed: dict[str, Any]) -> str | None:
    """What is wrong with a file that should have the `bytes` and the `sha256` that are listed; None when nothing is."""
    sha256, size, name = hashlib.sha256(), 0, path.rsplit("/", 1)[-1]
    try:
        with files.fs.open(files.path(path), "rb") as file:
            while block := file.read(BLOCK):
                sha256.update(block)
                size += len(block)
    except FileNotFoundError:
        return f"{name} is missing"
    except IsADirectoryError:
        return f"{name} is a folder"
    if size != listed["bytes"]:
        return f"{name} has {size:,} bytes, the manifest says {listed['bytes']:,}"
    return None if sha256.hexdigest() == listed["sha256"] else f"{name} was changed: its sha256 is another"


def _check_records(files: Files, name: str, ids: list[str]) -> list[str]:
    """Read the array a line at a time and add its ids to `ids`."""
    problems = []
    for line_number, line in _lines(files, name):
        try:
            record = json.loads(line)
            ids.append(str(record["id"]))
            problem = None if record["caption"] else "has no caption"
            problem = problem or _wrong_turns(record["conversations"])
        except (ValueError, KeyError, TypeError) as error:
            problem = f"is no record: {error!r}"
        if problem:
            problems.append(f"{name}, line {line_number}: the record {problem}")
    return problems


def _lines(files: Files, name: str) -> Iterator[tuple[int, bytes]]:
    with files.fs.open(files.path(name), "rb", block_size=BLOCK) as file:
        for number, line in enumerate(file, 1):
            text = line.strip().removesuffix(b",")
            if text not in (b"[", b"]", b"[]"):
                yield number, text


def _wrong_turns(turns: list[dict[str, str]]) -> str | None:
    roles = [turn["from"] for turn in turns]
    if not turns or roles != ["human", "gpt"] * (len(turns) // 2):
        return f"has the roles {', '.join(roles) or 'none'}; they must alternate, human first, gpt last"
    marks = ["<image>" in turn["value"] for turn in turns]
    return None if marks[0] and not any(marks[1:]) else "must carry <image> in its first turn and in no other"


def _parquet_ids(files: Files, name: str) -> list[str]:
    import pyarrow.parquet as pq

    with files.fs.open(files.path(name), "rb") as file:
        return [str(value) for value in pq.read_table(file, columns=["id"])["id"].to_pylist()]


def _check_vectors(files: Files, name: str, ids: list[str]) -> list[str]:
    with files.fs.open(files.path(name), "rb", block_size=BLOCK) as file:
        header = read_header(head_of(file))
        rows, dimension = header.arrays["vectors"]["shape"]
        file.seek(header.start)
        bad, step = [], max(1, BLOCK // (2 * max(1, dimension)))
        for start in range(0, rows, step):
            count = min(step, rows - start)
            block = np.frombuffer(file.read(count * dimension * 2), dtype="<f2").reshape(count, dimension)
            bad += [start + int(row) for row in np.flatnonzero(~np.isfinite(block).all(axis=1))]
        width = header.arrays["ids"]["shape"][1]
        raw = file.read(rows * width)
    found = [raw[start : start + width].rstrip(b"\0").decode() for start in range(0, rows * width, width)]
    return _same(name, found, ids) + [f"{name}, row {row}: the vector holds NaN or infinity" for row in bad]


def _same(name: str, found: list[str], ids: list[str]) -> list[str]:
    if len(found) != len(ids):
        return [f"{name} has {len(found):,} rows, the JSON array {len(ids):,}"]
    for row, (one, other) in enumerate(zip(found, ids, strict=True)):
        if one != other:
            return [f"{name}, row {row}: its id is {one}, the record's is {other}"]
    return []
