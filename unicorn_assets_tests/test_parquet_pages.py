"""Parquet with honest pages is read as pyarrow reads it; pages that claim too much are refused before they unpack."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.parquet_pages import Pages, open_parquet


def written(table: pa.Table, **options: Any) -> io.BytesIO:
    data = io.BytesIO()
    pq.write_table(table, data, **options)
    return data


def read(data: io.BytesIO, **options: Any) -> pa.Table:
    with open_parquet(data, **options) as opened:
        return pa.Table.from_batches(opened.iter_batches(100), opened.schema_arrow)


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_honest_files_are_read(compression: str, version: str, dictionary: bool) -> None:
    chance = np.random.default_rng(0)
    table = pa.table(
        {
            "image": [{"bytes": chance.bytes(500), "path": str(i)} for i in range(700)],
            "vectors": list(chance.normal(size=(700, 8))),
            "text": [None if i % 7 == 0 else f"caption {i % 5}" for i in range(700)],
        }
    )
    options = {"compression": compression, "data_page_version": version, "use_dictionary": dictionary}
    assert read(written(table, row_group_size=300, **options)).equals(table)
    many_pages = written(table, data_page_size=200, write_statistics=True, **options)
    assert read(many_pages).equals(table)
    assert read(many_pages, buffer_size=300).equals(table), "headers lie across what is read at once"


def test_pages_that_unpack_to_too_much_are_refused() -> None:
    for dictionary in (True, False):
        data = written(pa.table({"a": [b"small", bytes(20 << 20)]}), compression="zstd", use_dictionary=dictionary)
        assert len(data.getvalue()) < 20_000
        for options in ({}, {"buffer_size": 64}):
            with pytest.raises(ValueError, match="unpacks to 20,971"):
                read(data, **options)
    honest = written(pa.table({"a": [np.random.default_rng(0).bytes(20 << 20)]}), compression="zstd")
    assert read(honest).num_rows == 1


def test_values_beyond_reason_are_refused_unless_they_are_asked_for() -> None:
    data = written(pa.table({"a": pa.array(["en"] * 2_000_000)}), row_group_size=2_000_000)
    with pytest.raises(ValueError, match="hold more than 1,048,576 values"):
        read(data)
    assert read(data, free_values=1 << 22).num_rows == 2_000_000


def test_any_bytes_in_the_place_of_a_header_are_a_value_error() -> None:
    chance = np.random.default_rng(1)
    for _ in range(3000):
        data = chance.integers(0, 256, chance.integers(1, 60), dtype=np.uint8).tobytes()
        try:
            Pages(0, len(data)).look(0, data)
        except ValueError:
            continue
    for nested in (b"\x1c" * 5000, b"\x15" + b"\xff" * 200, b"\x18\xff\xff\xff\xff\x7f"):
        with pytest.raises(ValueError, match="damaged"):
            Pages(0, len(nested)).look(0, nested)


def test_a_description_that_is_too_large_is_not_read() -> None:
    with (
        pytest.raises(ValueError, match="larger than 16 MiB"),
        open_parquet(io.BytesIO(bytes(17 << 20) + (17 << 20).to_bytes(4, "little") + b"PAR1")),
    ):
        pass
