"""Statistics of each shard of vectors, kept beside it, so that fitting on all shards reads none of them again.

statistics/<vectors>/<shard>.safetensors holds count, sum and a sample, and the hash of the rows that they are of: for
other rows they count as missing. Not here: what is fitted (transfer/).
"""

from collections.abc import Callable, Sequence

import numpy as np

from unicorn_assets.lake.store import Lake, vector_content
from unicorn_assets.representation.packing import pack, unpack
from unicorn_assets.representation.statistics import Statistics
from unicorn_assets.representation.vectors import Rows, Space

SHARD_SAMPLE = 256
"""Rows in a shard's sample: 0.65 MB at 1280 dimensions, 6 % of a shard of 4,000."""
CORPUS_SAMPLE = 16384
"""Rows in the sample of all shards."""


def keep_statistics(lake: Lake, name: str, shard: str, ids: Sequence[str], vectors: Rows, space: Space) -> Statistics:
    """Compute and keep the statistics of a shard's (n, d) vectors, as the lake stores them."""
    stored = np.ascontiguousarray(vectors, dtype=np.float16)
    found = Statistics(space, sample=SHARD_SAMPLE).add(stored, where=f"{name}/{shard}", ids=ids)
    data = np.frombuffer(found.to_bytes(), np.uint8)
    content = vector_content(ids, stored)
    lake.files.write(_path(name, shard), pack("shard_statistics", {"content": content}, {"statistics": data}))
    return found


def shard_statistics(lake: Lake, name: str, shard: str, content: str, space: Space) -> Statistics | None:
    """The kept statistics of a shard, or None when they are missing or of other rows than those with hash `content`."""
    try:
        about, tensors = unpack("shard_statistics", lake.files.read(_path(name, shard)))
    except FileNotFoundError:
        return None
    if about["content"] != content:
        return None
    found = Statistics.from_bytes(tensors["statistics"].tobytes())
    space.require(found.space, f"the vectors of {name} shard {shard!r}")
    return found


def corpus_statistics(
    lake: Lake, name: str, shards: Sequence[str], space: Space, on_read: Callable[[int], object] | None = None
) -> Statistics:
    """Statistics of all shards. A shard is read only where nothing is kept for its rows; `on_read` gets how many."""
    total = Statistics(space, sample=CORPUS_SAMPLE)
    for shard in shards:
        info = lake.vector_info(name, shard)
        found = shard_statistics(lake, name, shard, info.content, space) if info else None
        if found is None:
            ids, vectors = lake.read_vectors(name, shard)
            found = keep_statistics(lake, name, shard, ids, vectors, space)
            if on_read:
                on_read(len(ids))
        total.merge(found)
    return total


def _path(name: str, shard: str) -> str:
    return f"statistics/{name}/{shard}.safetensors"
