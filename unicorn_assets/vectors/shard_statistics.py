"""Statistics of each shard of vectors, kept beside it, so that fitting on all shards reads none of them again.

statistics/<vectors>/<shard>.safetensors holds count, sum and a sample, and the hashes of the rows that they are of and
of themselves: for other rows, or when a bit of them was changed, they count as missing. Not here: what is fitted
(transfer/).
"""

from collections.abc import Callable, Sequence

import numpy as np

from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import Lake, vector_content
from unicorn_assets.vectors.packing import content_hash, pack, unpack
from unicorn_assets.vectors.rows import Rows, Space
from unicorn_assets.vectors.statistics import Statistics

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
    about = {"content": content, "sum": content_hash(data.tobytes())}
    lake.files.write(_path(name, shard), pack("shard_statistics", about, {"statistics": data}))
    return found


def shard_statistics(lake: Lake, name: str, shard: str, content: str, space: Space) -> Statistics | None:
    """The kept statistics of a shard, or None when they are missing or of other rows than those with hash `content`."""
    path = _path(name, shard)
    try:
        known, data = read_statistics(lake.files.read(path))
    except FileNotFoundError:
        return None
    except (ValueError, IsADirectoryError) as error:
        lake.report(path, str(error))
        return None
    if known != content:
        return None
    found = Statistics.from_bytes(data)
    space.require(found.space, f"the vectors of {name} shard {shard!r}")
    return found


def read_statistics(data: bytes) -> tuple[str, bytes]:
    """Hash of the rows, and their statistics as bytes; ValueError when a bit of them was changed. No hash where they
    were kept without a hash of their own: then nobody can tell.
    """
    try:
        about, tensors = unpack("shard_statistics", data)
        statistics = tensors["statistics"].tobytes()
        content, own = str(about["content"]), about.get("sum")
    except (UserError, KeyError) as error:
        raise ValueError(str(error).split("\n")[0]) from None
    if own is None:
        return "", b""
    if content_hash(statistics) != own:
        raise ValueError("they are not those that were kept")
    return content, statistics


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
