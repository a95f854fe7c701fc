"""Vectors are written whole, wherever their rows come from, past the page cache or not."""

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from unicorn_assets.vectors import output as module
from unicorn_assets.vectors.output import VectorOutput, vector_output


def fill(output: VectorOutput, rows: np.ndarray, borders: list[int], order: list[int]) -> None:
    parts = [(first, last) for first, last in zip([0, *borders], [*borders, len(rows)], strict=True) if last > first]

    def work(number: int) -> None:
        first, last = parts[number]
        room = output.room(first, last - first)
        room[:] = rows[first:last]
        output.put(first, room)

    for number in order:
        if number < len(parts):
            thread = threading.Thread(target=work, args=(number,))
            thread.start()
            thread.join()


@settings(max_examples=25)
@given(st.data(), st.integers(1, 3000), st.sampled_from([3, 64, 100]), st.sampled_from([".npy", ".safetensors"]))
def test_rows_stand_where_they_belong(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, n: int, d: int, ending: str
) -> None:
    rows = np.random.default_rng(n).normal(size=(n, d)).astype(np.float16)
    borders = sorted(data.draw(st.lists(st.integers(0, n), max_size=4)))
    order = data.draw(st.permutations(range(5)))
    path = tmp_path_factory.mktemp("out") / f"vectors{ending}"
    ids = [np.full((n, 3), 97, np.uint8)] if ending == ".safetensors" else None
    with vector_output(str(path), n, d, ids, {"moved": "realign"}) as output:
        fill(output, rows, borders, order)
    if ids is None:
        assert np.load(path).tobytes() == rows.tobytes()
    else:
        found = load_file(path)
        assert found["vectors"].tobytes() == rows.tobytes()
        assert found["ids"].tobytes() == ids[0].tobytes()


def test_rows_from_any_memory_are_written(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(5000, 64)).astype(np.float16)
    with vector_output(str(tmp_path / "v.npy"), 5000, 64) as output:
        output.put(1, rows[1:])
        output.put(0, rows[:1])
    assert np.load(tmp_path / "v.npy").tobytes() == rows.tobytes()


@pytest.mark.parametrize("refusal", ["open", "write"])
def test_a_file_system_that_wants_its_cache_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    refused = []
    if refusal == "open":
        monkeypatch.setattr(module, "_past_the_cache", lambda descriptor: refused.append(1))
    else:
        write = os.pwrite

        def pwrite(descriptor: int, data: memoryview, at: int) -> int:
            if "O_DIRECT" in flags(descriptor):
                refused.append(1)
                raise OSError(errno.EINVAL, "Invalid argument")
            return write(descriptor, data, at)

        monkeypatch.setattr(os, "pwrite", pwrite)
    rows = np.random.default_rng(1).normal(size=(5000, 64)).astype(np.float16)
    with vector_output(str(tmp_path / "v.npy"), 5000, 64) as output:
        fill(output, rows, [1000, 4096], [0, 1, 2])
    assert np.load(tmp_path / "v.npy").tobytes() == rows.tobytes()
    assert refused or not hasattr(os, "O_DIRECT")


def flags(descriptor: int) -> str:
    """O_DIRECT among a descriptor's flags."""
    import fcntl

    return "O_DIRECT" if fcntl.fcntl(descriptor, fcntl.F_GETFL) & getattr(os, "O_DIRECT", 0) else ""


def test_a_full_disk_is_not_taken_for_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pwrite(descriptor: int, data: memoryview, at: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def attempt() -> None:
        with vector_output(str(tmp_path / "v.npy"), 5000, 64) as output:
            monkeypatch.setattr(os, "pwrite", pwrite)
            output.put(0, output.room(0, 5000))

    with pytest.raises(OSError, match="No space"):
        attempt()
    assert list(tmp_path.iterdir()) == []


def test_vectors_start_with_a_page(tmp_path: Path) -> None:
    with vector_output(str(tmp_path / "v.safetensors"), 10, 8, [np.zeros((10, 5), np.uint8)]) as output:
        output.put(0, np.ones((10, 8), np.float16))
    length = int.from_bytes((tmp_path / "v.safetensors").read_bytes()[:8], "little")
    assert (8 + length) % 4096 == 0
