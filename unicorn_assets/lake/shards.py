"""Shards by the name of their asset, whether a table's or of vectors: where they lie, what they say of themselves.

Here: what all who ask about an asset's shard share. Not here: reading and writing (store.py), verdicts (verdicts.py).
"""

from unicorn_assets.graph import ARTIFACTS, VECTORS
from unicorn_assets.lake.store import ALL, Lake, ShardInfo


def path_of(asset: str, shard: str = ALL) -> str:
    """Name of the file below the lake's root; of an artifact its only one."""
    if asset in ARTIFACTS:
        return f"artifacts/{ARTIFACTS[asset]}"
    return f"vectors/{asset}/{shard}.safetensors" if asset in VECTORS else f"tables/{asset}/{shard}.parquet"


def shard_info(lake: Lake, name: str, shard: str = ALL) -> ShardInfo | None:
    """What a table or vector shard says of itself."""
    return lake.vector_info(name, shard) if name in VECTORS else lake.info(name, shard)


def proved_info(lake: Lake, name: str, shard: str = ALL) -> ShardInfo | None:
    """What a shard says of itself, its rows proved: what is damaged counts as not there, and is made again."""
    return shard_info(lake, name, shard) if lake.is_sound(path_of(name, shard)) else None


def refusals_there(lake: Lake, name: str, shard: str, info: ShardInfo, deep: bool = True) -> bool:
    """Whether the rows that a shard's maker refused are still in quarantine; the shard says how many there were."""
    refused = sum(info.extra.get("quarantined", {}).values())
    ask = proved_info if deep else shard_info
    kept = ask(lake, f"quarantine/{name}", shard) if refused else None
    return not refused or (kept is not None and kept.rows == refused)
