"""Signatures of drafts, kept beside the tables so that no caption is hashed twice: signatures/<shard>.safetensors.

A file holds ids and numbers of one shard and says of which content and by which maker. It is a memory, no data: one
that is damaged, gone or of other texts is made again. Not here: how they are made (curation/signatures.py).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.lake.shard_files import Made, ShardInfo, check_vectors, vector_bytes, vector_content, vector_rows
from unicorn_assets.lake.store import Lake

FOLDER = "signatures"


def keep_signatures(lake: Lake, shard: str, made: Made, ids: Sequence[str], matrix: NDArray[np.uint32]) -> None:
    """Replace the shard's signatures, (rows, numbers). `made`: the maker as code version, the drafts as parent."""
    info = ShardInfo(len(ids), vector_content(ids, matrix), made.inputs, made, {})
    lake.files.write(_name(shard), vector_bytes(ids, matrix, info))
    lake.damaged.pop(_name(shard), None)


def find_signatures(lake: Lake, shard: str, made: Made) -> tuple[list[str], NDArray[np.uint32]] | None:
    """Ids and signatures if they were made of the very same, every bit of the file proved."""
    try:
        data = lake.files.read(_name(shard))
        info = check_vectors(data)
        ids, matrix = vector_rows(data)
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        lake.report(_name(shard), "it is a folder")
        return None
    except ValueError as error:
        lake.report(_name(shard), str(error))
        return None
    found: NDArray[np.uint32] = matrix.view()
    return (ids, found) if info.inputs == made.inputs and found.dtype == np.uint32 else None


def _name(shard: str) -> str:
    return f"{FOLDER}/{shard}.safetensors"
