"""A small Parquet file whose description says less than its page unpacks to is refused before it is unpacked."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

CELL_BYTES = 400 << 20
READ = """
import resource, sys
import pyarrow.parquet, duckdb
from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Source
from unicorn_assets.seeds.parquet import read_parquet
source = Source(name="a", path="a.parquet")
list(read_parquet(source, open(sys.argv[1], "rb"), "a.parquet"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(list(read_parquet(source, open(sys.argv[2], "rb"), "b.parquet")))
except UserError as error:
    print(error.message)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def number(value: int, width: int = 0) -> bytes:
    """A number as Thrift writes it, of at least `width` bytes."""
    rest, parts = value << 1, list[int]()
    while rest > 127 or len(parts) + 1 < width:
        parts.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*parts, rest])


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_page_that_unpacks_to_more_than_the_file_says_costs_no_memory(tmp_path: Path, dictionary: bool) -> None:
    honest, lying = tmp_path / "a.parquet", tmp_path / "b.parquet"
    for path, text in ((honest, "a dog"), (lying, "\0" * CELL_BYTES)):
        pq.write_table(
            pa.table({"text": [text]}), path, compression="zstd", use_dictionary=dictionary, write_statistics=False
        )
    data, column = lying.read_bytes(), pq.ParquetFile(lying).metadata.row_group(0).column(0)
    said = number(column.total_uncompressed_size)
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    assert said in data[start:]
    lying.write_bytes(data[:start] + data[start:].replace(said, number(1000, len(said))))
    assert lying.stat().st_size < 100_000
    done = subprocess.run(
        [sys.executable, "-c", READ, str(honest), str(lying)], capture_output=True, text=True, check=True
    )
    told, grown_kb = done.stdout.splitlines()
    assert "b.parquet: cannot be read as Parquet: a page of" in told
    assert int(grown_kb) < 100_000
