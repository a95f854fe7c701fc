"""A folder of small vectors and moves, ways to spoil them, and what a refusal looks like."""

import io
import random
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save
from typer.testing import CliRunner, Result

from unicorn_assets.cli import app
from unicorn_assets.lake.store import encode_ids

N, D = 60, 8


def unicorn(*arguments: str) -> Result:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning would be on somebody's screen
        return CliRunner().invoke(app, ["transfer", *arguments], env={"COLUMNS": "400"})


def rows(seed: int, n: int = N) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return (chance.normal(size=(n, D)) + chance.normal(size=D)).astype(np.float32)


def parquet(vectors: np.ndarray, **options: object) -> bytes:
    data = io.BytesIO()
    names = [f"c{i}" for i in range(len(vectors))]
    pq.write_table(pa.table({"id": names, "vectors": list(vectors)}), data, **options)
    return data.getvalue()


def npy(vectors: np.ndarray) -> bytes:
    data = io.BytesIO()
    np.save(data, vectors)
    return data.getvalue()


def tensors(vectors: np.ndarray) -> bytes:
    return save({"vectors": vectors, "ids": encode_ids([f"c{i}" for i in range(len(vectors))])})


WRITERS: dict[str, Callable[[np.ndarray], bytes]] = {"npy": npy, "parquet": parquet, "safetensors": tensors}


def listed(folder: str = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def refused(result: Result, words: str = "", left: list[str] | None = None) -> None:
    assert result.exit_code == 2, (result.output, result.exception)
    assert words in result.output
    assert len(result.output.splitlines()) <= 4
    assert "Traceback" not in result.output
    if left is not None:
        assert listed() == left


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few bytes, numbers or lengths that are others, mostly where a format says what it holds."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 6))):
        if not found:
            return b""
        ends = chance.random()
        place = chance.randrange(min(len(found), 300)) if ends < 0.6 else chance.randrange(len(found))
        if ends > 0.85:
            place = max(0, len(found) - 1 - chance.randrange(min(len(found), 700)))
        kind = chance.randrange(6)
        if kind == 0:
            found[place] = chance.randrange(256)
        elif kind == 1:
            found[place : place + 8] = struct.pack("<q", chance.choice((-1, 0, 1 << 31, 1 << 62, -(1 << 63), 7)))
        elif kind == 2:
            del found[place : place + chance.randrange(1, 40)]
        elif kind == 3:
            found[place:place] = found[place : place + chance.randrange(1, 40)]
        elif kind == 4 and chr(found[place]).isdigit():
            found[place : place + 1] = chance.choice(
                (b"-1", b"0", b"99999999999999999999", b"9223372036854775808", b"7")
            )
        else:
            found[place : place + 4] = struct.pack("<f", chance.choice((np.nan, np.inf, -np.inf, 0, 3e38)))
    return bytes(found)
