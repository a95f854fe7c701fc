"""Kept statistics of shards: used for the very rows they are of, and merged without reading any shard."""

from pathlib import Path

import numpy as np
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.shard_statistics import corpus_statistics, keep_statistics
from unicorn_assets.vectors.statistics import Statistics

SPACE = Space("test", "1", 8)
NAME = "text_embeddings"


def write(lake: Lake, shard: str, seed: int, n: int = 400, keep: bool = True) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, 8)).astype(np.float32) + 0.5
    ids = [f"{shard}-{row}" for row in range(n)]
    if keep:
        keep_statistics(lake, NAME, shard, ids, vectors, SPACE)
    lake.write_vectors(NAME, shard, ids, vectors, Made())
    return vectors.astype(np.float16)


def test_what_was_kept_is_enough_and_the_same_in_any_order(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    rows = [write(lake, f"s-{i}", i) for i in range(4)]
    read: list[int] = []
    shards = [f"s-{i}" for i in range(4)]
    found = corpus_statistics(lake, NAME, shards, SPACE, read.append)
    assert read == []
    assert found.to_bytes() == corpus_statistics(lake, NAME, shards[::-1], SPACE).to_bytes()
    whole = Statistics(SPACE, sample=0)
    for part in rows:
        whole.add(part)
    assert found.mean.tobytes() == whole.mean.tobytes()
    assert 4 * 256 * 0.7 < len(found.sample) <= 4 * 256


def test_a_shard_is_read_when_nothing_is_kept_for_its_rows(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    shards = ["s-0", "s-1", "s-2"]
    for number, shard in enumerate(shards):
        write(lake, shard, number)
    write(lake, "s-1", 9, 300, keep=False)  # other rows than the kept ones
    write(lake, "s-2", 2, 200, keep=False)
    read: list[int] = []
    found = corpus_statistics(lake, NAME, shards, SPACE, read.append)
    assert (read, found.n) == ([300, 200], 900)
    read.clear()
    assert corpus_statistics(lake, NAME, shards, SPACE, read.append).to_bytes() == found.to_bytes()
    assert read == []


def test_statistics_of_another_encoder_are_refused(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    write(lake, "s-0", 0)
    with pytest.raises(UserError, match="shard 's-0' come from test"):
        corpus_statistics(lake, NAME, ["s-0"], Space("test", "2", 8))
