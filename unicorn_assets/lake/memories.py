"""What is kept beside the tables so that no caption is read twice: rows of numbers, <folder>/<shard>.safetensors.

A file holds ids and numbers of one shard and says of which content and by which maker. It is a memory, no data: one
that is damaged, gone or of other texts is made again. Not here: how the numbers are made (curation/signatures.py,
encoders/).
"""

from collections.abc import Sequence
from typing import Any

from numpy.typing import DTypeLike, NDArray

from unicorn_assets.lake.shard_files import Made, ShardInfo, check_vectors, vector_bytes, vector_content, vector_rows
from unicorn_assets.lake.store import Lake

SIGNATURES = "signatures"
"""MinHash signatures of drafts."""
MEANINGS = "meanings"
"""Text vectors of drafts."""


def keep_rows(lake: Lake, folder: str, shard: str, made: Made, ids: Sequence[str], matrix: NDArray[Any]) -> None:
    """Replace the shard's (rows, numbers). `made`: the maker as code version, the drafts as parent."""
    info = ShardInfo(len(ids), vector_content(ids, matrix), made.inputs, made, {})
    lake.files.write(_name(folder, shard), vector_bytes(ids, matrix, info))
    lake.damaged.pop(_name(folder, shard), None)


def find_rows(
    lake: Lake, folder: str, shard: str, made: Made, dtype: DTypeLike
) -> tuple[list[str], NDArray[Any]] | None:
    """Ids and rows if they were made of the very same, every bit of the file proved."""
    name = _name(folder, shard)
    try:
        data = lake.files.read(name)
        info = check_vectors(data)
        ids, matrix = vector_rows(data)
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        lake.report(name, "it is a folder")
        return None
    except ValueError as error:
        lake.report(name, str(error))
        return None
    return (ids, matrix) if info.inputs == made.inputs and matrix.dtype == dtype else None


def _name(folder: str, shard: str) -> str:
    return f"{folder}/{shard}.safetensors"
