"""Single files that stand for all shards (statistics, gap reports), with their making beside them; check verdicts.

Here: bytes plus a `.made.json`. Not here: what the bytes mean (representation), or which checks exist (checks).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import Lake, Made, ShardInfo, info_from_json, info_to_json


def write_artifact(
    lake: Lake, name: str, data: bytes, made: Made, rows: int = 0, extra: Mapping[str, Any] | None = None
) -> ShardInfo:
    """Replace artifacts/<name>. The note that makes it valid is written last and holds the hash of the bytes."""
    info = ShardInfo(rows, hashlib.blake2b(data, digest_size=16).hexdigest(), made.inputs, made, dict(extra or {}))
    lake.files.write(f"artifacts/{name}", data)
    lake.files.write(f"artifacts/{name}.made.json", info_to_json(info).encode())
    return info


def read_artifact(lake: Lake, name: str) -> bytes:
    """The bytes of artifacts/<name>."""
    try:
        return lake.files.read(f"artifacts/{name}")
    except FileNotFoundError:
        asset = name.rsplit(".", 1)[0]
        raise UserError(f"the lake {lake.url} has no {asset} yet", f"materialize {asset} first") from None


def artifact_info(lake: Lake, name: str) -> ShardInfo | None:
    """What made artifacts/<name>; None when it is missing or was only half replaced."""
    try:
        note = info_from_json(lake.files.read(f"artifacts/{name}.made.json").decode())
        data = lake.files.read(f"artifacts/{name}")
    except FileNotFoundError:
        return None
    return note if hashlib.blake2b(data, digest_size=16).hexdigest() == note.content else None


def write_verdict(lake: Lake, asset: str, shard: str, content: str, failed: Sequence[str]) -> None:
    """Note which blocking checks a shard failed, for downstream runs that were not part of the checking run."""
    name = f"verdicts/{asset}/{shard}.json"
    if failed:
        lake.files.write(name, json.dumps({"content": content, "failed": sorted(failed)}).encode())
    else:
        lake.files.remove(name)


def failed_checks(lake: Lake, asset: str, shard: str, content: str) -> list[str]:
    """Blocking checks that this very content failed; empty for content that passed or was never checked."""
    try:
        verdict = json.loads(lake.files.read(f"verdicts/{asset}/{shard}.json"))
    except FileNotFoundError:
        return []
    return list(verdict["failed"]) if verdict["content"] == content else []
