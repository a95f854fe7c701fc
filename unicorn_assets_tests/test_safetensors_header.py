"""The one header codec: the library reads what it writes, it reads what the library wrote, lies end in ValueError."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from unicorn_assets.safetensors_header import MOST, data_start, head_of, header_bytes, read_header

SHAPES = st.lists(st.integers(0, 5), min_size=1, max_size=3).map(tuple)
NAMES = st.text(max_size=8).filter(lambda name: name != "__metadata__")
ARRAYS = st.dictionaries(NAMES, st.tuples(st.sampled_from(["U8", "F16"]), SHAPES), max_size=4)
TEXTS = st.dictionaries(st.text(max_size=8), st.text(max_size=30), max_size=3)


@given(ARRAYS, TEXTS, st.sampled_from([8, 4096]), st.integers(0, 9000))
def test_the_library_reads_what_is_written_here(
    arrays: dict[str, tuple[str, tuple[int, ...]]], metadata: dict[str, str], multiple: int, least: int
) -> None:
    head = header_bytes(arrays, metadata, multiple=multiple, least=least)
    assert len(head) >= least
    assert len(head) % multiple == 0 or len(head) == least
    data = [np.random.default_rng(0).integers(0, 100, shape).astype({"U8": "u1", "F16": "<f2"}[dtype])
            for dtype, shape in arrays.values()]  # fmt: skip
    found = load(head + b"".join(one.tobytes() for one in data))
    assert {name: one.tolist() for name, one in found.items()} == {
        name: one.tolist() for name, one in zip(arrays, data, strict=True)
    }
    assert read_header(lambda size: head[:size]).metadata == metadata


@given(st.integers(0, 4), TEXTS)
def test_what_the_library_writes_is_read_here(rows: int, metadata: dict[str, str]) -> None:
    vectors = np.arange(3 * rows, dtype=np.float16).reshape(rows, 3)
    data = save({"vectors": vectors, "ids": np.zeros((rows, 2), np.uint8)}, metadata)
    header = read_header(lambda size: data[:size])
    begin, end = header.place("vectors")
    assert data[begin:end] == vectors.tobytes()
    assert header.arrays["ids"]["shape"] == [rows, 2]
    assert header.metadata == metadata


def test_a_long_header_takes_one_more_read(tmp_path: Path) -> None:
    file, asked = tmp_path / "x.safetensors", []
    file.write_bytes(save({"a": np.zeros(2, np.uint8)}, {"long": "x" * (1 << 17)}))
    with file.open("rb") as opened:
        head = head_of(opened)

        def counting(size: int) -> bytes:
            asked.append(size)
            return head(size)

        assert len(read_header(counting).metadata["long"]) == 1 << 17
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "beginning is damaged"),
        (b"\x09", "beginning is damaged"),
        ((MOST - 7).to_bytes(8, "little") + b"{}", "beginning is damaged"),
        ((1 << 63).to_bytes(8, "little"), "beginning is damaged"),
        ((90_000).to_bytes(8, "little") + b"[" * 90_000, "too deep|damaged"),
        ((2).to_bytes(8, "little") + b"[]", "no JSON object"),
        ((20).to_bytes(8, "little") + json.dumps({"__metadata__": []}).encode().ljust(20), "no JSON object"),
        ((9).to_bytes(8, "little") + b"not json!", "Expecting"),
        ((99).to_bytes(8, "little") + b'{"a": ', "Expecting"),
    ],
)
def test_what_is_no_header_is_a_value_error(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_header(lambda size: data[:size])


@given(st.binary(max_size=300))
def test_any_bytes_are_a_header_or_a_value_error(data: bytes) -> None:
    for whole in (data, len(data).to_bytes(8, "little") + data):
        try:
            assert read_header(lambda size, whole=whole: whole[:size]).start == data_start(whole)
        except ValueError:
            continue
