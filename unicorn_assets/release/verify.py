"""Whether a release is what its manifest says, without the lake it came from.

Streams every file once; memory holds a line, a row group and the ids. Not here: judging the texts.
"""

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from unicorn_assets.lake.files import Files
from unicorn_assets.lake.released import MANIFEST, read_manifest
from unicorn_assets.release.writers import BETWEEN, GROUP
from unicorn_assets.safetensors_header import head_of, read_header

VECTORS = "embeddings.safetensors"
BLOCK = 1 << 24  # bytes read at a time


def verify_release(path: str, storage_options: dict[str, Any] | None = None) -> list[str]:
    """Problems of the release folder at `path` (a path or URL), one sentence each; an empty list when it is sound.

    Checked: files there and none besides, bytes and sha256, rows, ids the same in all files and in order, roles that
    alternate from human to gpt, one <image> in the first turn, finite vectors, the same ones in the Parquet files,
    offsets that lead to the records.
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
    starts: list[int] = []
    for name in sorted(listed):
        if name.endswith(".json"):
            problems += _check_records(files, name, ids, starts)
    for name in sorted(listed):
        if name.endswith(".offsets.npy"):
            problems += _check_offsets(files, name, starts)
        elif name == VECTORS:
            problems += _check_vectors(files, name, ids)
    problems += _check_parquet(files, sorted(name for name in listed if name.endswith(".parquet")), ids)
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


def _check_records(files: Files, name: str, ids: list[str], starts: list[int]) -> list[str]:
    """Read the array a line at a time and add its ids to `ids`, to `starts` where each record starts, then its end."""
    problems, place = [], 0
    for line_number, (start, line) in enumerate(_lines(files, name), 2):
        starts.append(start)
        place = start + len(line) + BETWEEN
        try:
            record = json.loads(line)
            ids.append(str(record["id"]))
            problem = None if record["caption"] else "has no caption"
            problem = problem or _wrong_turns(record["conversations"])
        except (ValueError, KeyError, TypeError) as error:
            problem = f"is no record: {error!r}"
        if problem:
            problems.append(f"{name}, line {line_number}: the record {problem}")
    starts.append(place)
    return problems


def _lines(files: Files, name: str) -> Iterator[tuple[int, bytes]]:
    """Where each record starts, and its bytes."""
    place = 0
    with files.fs.open(files.path(name), "rb", block_size=BLOCK) as file:
        for line in file:
            text = line.strip().removesuffix(b",")
            if text not in (b"[", b"]", b"[]"):
                yield place, text
            place += len(line)


def _check_offsets(files: Files, name: str, starts: list[int]) -> list[str]:
    found = np.lib.format.read_array(io.BytesIO(files.read(name)), allow_pickle=False)  # type: ignore[no-untyped-call]
    if found.shape != (len(starts),):
        return [f"{name} has {len(found):,} places, {len(starts):,} belong to the JSON array"]
    wrong = np.flatnonzero(found != np.array(starts, dtype=np.uint64))
    return [f"{name}, row {wrong[0]}: it leads elsewhere than to the record"] if len(wrong) else []


def _wrong_turns(turns: list[dict[str, str]]) -> str | None:
    roles = [turn["from"] for turn in turns]
    if not turns or roles != ["human", "gpt"] * (len(turns) // 2):
        return f"has the roles {', '.join(roles) or 'none'}; they must alternate, human first, gpt last"
    marks = ["<image>" in turn["value"] for turn in turns]
    return None if marks[0] and not any(marks[1:]) else "must carry <image> in its first turn and in no other"


def _check_parquet(files: Files, names: list[str], ids: list[str]) -> list[str]:
    """Ids of all rows, and their vectors against those of the vectors' own file, a row group at a time."""
    import pyarrow.parquet as pq

    first = 0
    with ExitStack() as stack:
        vectors = stack.enter_context(files.fs.open(files.path(VECTORS), "rb", block_size=BLOCK))
        header = read_header(head_of(vectors))
        vectors.seek(header.start)
        for name in names:
            table = pq.ParquetFile(stack.enter_context(files.fs.open(files.path(name), "rb")))
            columns = [column for column in ("id", "vector") if column in table.schema_arrow.names]
            for group in table.iter_batches(GROUP, columns=columns):
                found = [str(value) for value in group["id"].to_pylist()]
                problem = _same_ids(name, found, ids[first : first + len(found)], first)
                if problem is None and "vector" in columns:
                    mine = group["vector"].flatten().to_numpy(zero_copy_only=True).tobytes()
                    if mine != vectors.read(len(mine)):
                        problem = f"{name}: vectors of rows {first} to {first + len(found) - 1} differ from {VECTORS}"
                if problem:
                    return [problem]
                first += len(found)
    return [] if first == len(ids) else [f"{', '.join(names)}: {first:,} rows, the JSON array {len(ids):,}"]


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
    problem = _same_ids(name, found, ids, 0)
    return [problem] if problem else []


def _same_ids(name: str, found: list[str], ids: list[str], first: int) -> str | None:
    """The first id that differs; rows that one of the two lacks are the caller's."""
    for row, (one, other) in enumerate(zip(found, ids, strict=False), first):
        if one != other:
            return f"{name}, row {row}: its id is {one}, the record's is {other}"
    return None
