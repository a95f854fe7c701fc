"""Single files that stand for all shards (statistics, gap reports), with their making beside them.

Each is proved when it is read. Here: bytes plus a `.made.json`. Not here: what the bytes mean (images/,
transfer/, gap/), or what checks found (verdicts.py).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.lake.shard_files import note_bytes, read_note
from unicorn_assets.lake.store import Lake, Made, ShardInfo

NOTE = ".made.json"


def write_artifact(
    lake: Lake, name: str, data: bytes, made: Made, rows: int = 0, extra: Mapping[str, Any] | None = None
) -> ShardInfo:
    """Replace artifacts/<name>. The note that makes it valid is written last and holds the hash of the bytes."""
    info = ShardInfo(rows, hashlib.blake2b(data, digest_size=16).hexdigest(), made.inputs, made, dict(extra or {}))
    lake.files.write(f"artifacts/{name}", data)
    lake.files.write(f"artifacts/{name}{NOTE}", note_bytes(info))
    lake.damaged.pop(f"artifacts/{name}", None)
    return info


def read_artifact(lake: Lake, name: str) -> bytes:
    """The bytes of artifacts/<name>, those that were written."""
    found = _find(lake, name)
    if found is None:
        asset, path = name.rsplit(".", 1)[0], f"artifacts/{name}"
        if path in lake.damaged:
            raise UserError(str(lake.damaged[path]), f"run `unicorn run`, or materialize {asset}")
        raise UserError(f"the lake {lake.url} has no {asset} yet", f"materialize {asset} first")
    return found[1]


def artifact_info(lake: Lake, name: str) -> ShardInfo | None:
    """What made artifacts/<name>; None when it is missing, damaged or was only half replaced."""
    found = _find(lake, name)
    return found[0] if found else None


def _find(lake: Lake, name: str) -> tuple[ShardInfo, bytes] | None:
    path = at = f"artifacts/{name}"
    try:
        at = path + NOTE
        note = read_note(lake.files.read(at))
        at = path
        data = lake.files.read(at)
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        lake.report(at, "it is a folder")
        return None
    except ValueError as error:
        lake.report(at, str(error))
        return None
    if hashlib.blake2b(data, digest_size=16).hexdigest() != note.content:
        lake.report(path, "it is not what its note says")
        return None
    return note, data
