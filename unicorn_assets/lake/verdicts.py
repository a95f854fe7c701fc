"""Verdicts: what the checks found in a shard, kept in the lake beside it, and what becomes of a shard that is not good.

A verdict speaks of the very content that was judged, by the rules of that time. It also remembers that a shard was
there. Here: keeping verdicts, and what is true of an asset's shards by now. Not here: the rules (checks/).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from unicorn_assets.graph import ARTIFACTS
from unicorn_assets.ids import digest
from unicorn_assets.lake.artifacts import NOTE, artifact_info
from unicorn_assets.lake.damage import ASIDE
from unicorn_assets.lake.shards import path_of, proved_info, refusals_there, shard_info
from unicorn_assets.lake.store import ALL, Lake, ShardInfo
from unicorn_assets.seals import open_json, seal_json

FOLDER = "verdicts"
_KEYS = ("content", "failed")  # of a verdict without a seal
GONE = "it was there and is gone"
THREADS = 8


@dataclass(frozen=True)
class Broken:
    """What one check found in a shard: how many rows break it, whether nothing may be built on such a shard, some of
    the rows as a table in Markdown, and the first in a line.
    """

    rows: int
    blocks: bool = True
    example: str = ""
    first: str = ""


@dataclass(frozen=True)
class Verdict:
    """What all checks of an asset found in the shard with this `content`, by check. `judged`: hash of what was looked
    at and by which rules; empty in verdicts of before that was kept.
    """

    content: str
    judged: str = ""
    broken: Mapping[str, Broken] = field(default_factory=dict)

    @property
    def failed(self) -> list[str]:
        """The checks because of which nothing may be built on the shard."""
        return sorted(name for name, found in self.broken.items() if found.blocks)


@dataclass(frozen=True)
class Seen:
    """What is true of a shard now: its description, what was judged of this very content, and why it cannot be used
    although it was there (`damage`). Without description and damage it was never made.
    """

    info: ShardInfo | None
    verdict: Verdict | None = None
    damage: str = ""
    quarantine: str = ""  # content of what its maker refused


def judged_key(seen: Seen, rules: str) -> str:
    """Hash of all that a verdict on a shard depends on: its rows, those that were refused, and the rules."""
    return digest([seen.info.content if seen.info else "", seen.quarantine, rules])


def write_verdict(lake: Lake, asset: str, shard: str, verdict: Verdict) -> None:
    """Keep what was found, for runs that were not part of the checking run and for whoever looks."""
    broken = {name: asdict(found) for name, found in verdict.broken.items()}
    plain = {"content": verdict.content, "failed": verdict.failed, "judged": verdict.judged, "broken": broken}
    name = _name(asset, shard)
    if lake.files.is_local and Path(lake.files.path(name)).is_dir():
        lake.files.set_aside(name, ASIDE)
    lake.files.write(name, seal_json(plain))


def read_verdict(data: bytes) -> Verdict:
    """What write_verdict wrote; ValueError when it was changed."""
    plain = open_json(data, _KEYS)
    try:
        broken = {name: Broken(**found) for name, found in plain.get("broken", {}).items()}
        for name in plain["failed"]:
            broken.setdefault(name, Broken(0))
        return Verdict(plain["content"], plain.get("judged", ""), broken)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its description is not one: {error}") from None


def failed_checks(lake: Lake, asset: str, shard: str, content: str) -> list[str]:
    """Blocking checks that this very content failed; empty for content that passed or was never checked. A verdict
    that cannot be read is none in its favour.
    """
    name = _name(asset, shard)
    try:
        verdict = read_verdict(lake.files.read(name))
    except FileNotFoundError:
        return []
    except (ValueError, IsADirectoryError):
        return [f"(its verdict {name} is damaged: materialize {asset} with its checks again)"]
    return verdict.failed if verdict.content == content else []


def verdict_on(lake: Lake, asset: str, shard: str, content: str) -> Verdict | None:
    """What was found in this very content; None when nobody judged it, or what was found cannot be read."""
    found = _read(lake, asset, shard)
    return found if found is not None and found.content == content else None


def look(lake: Lake, asset: str, shards: Sequence[str], deep: bool = True) -> dict[str, Seen]:
    """What is true of shards of `asset` (ALL for one over all shards), in their order. `deep`: each file is proved,
    every bit of it on local disk; otherwise descriptions are believed.
    """
    folder = path_of(asset, ALL).rpartition("/")[0]
    aside = {name.split(ASIDE)[0] for name in lake.files.names(folder) if ASIDE in name}
    judged = set(lake.files.names(f"{FOLDER}/{asset}", ".json"))

    def seen(shard: str) -> Seen:
        known = f"{shard}.json" in judged
        was_there = known or path_of(asset, shard).rpartition("/")[2] in aside
        return _seen(lake, asset, shard, known, was_there, deep)

    with ThreadPoolExecutor(THREADS) as pool:  # hashing lets go of the interpreter, and S3 takes its time
        return dict(zip(shards, pool.map(seen, shards), strict=True))


def _seen(lake: Lake, asset: str, shard: str, known: bool, was_there: bool, deep: bool) -> Seen:
    path = path_of(asset, shard)
    if asset in ARTIFACTS:
        info = artifact_info(lake, ARTIFACTS[asset])
    else:
        info = proved_info(lake, asset, shard) if deep else shard_info(lake, asset, shard)
    verdict = _read(lake, asset, shard) if known else None
    if info is None:
        told = next((lake.damaged[name].reason for name in (path, path + NOTE) if name in lake.damaged), "")
        return Seen(None, None, told or (GONE if was_there else ""))
    if verdict is not None and verdict.content != info.content:
        verdict = None
    refused = info.extra.get("quarantined")
    if not refused:
        return Seen(info, verdict)
    if not refusals_there(lake, asset, shard, info, deep):
        return Seen(info, verdict, "the rows that its maker refused are damaged or gone")
    kept = lake.info(f"quarantine/{asset}", shard)
    return Seen(info, verdict, quarantine=kept.content if kept else "")


def _read(lake: Lake, asset: str, shard: str) -> Verdict | None:
    """The verdict, or None when it cannot be read: then the shard is judged again."""
    try:
        return read_verdict(lake.files.read(_name(asset, shard)))
    except (FileNotFoundError, IsADirectoryError, ValueError):
        return None


def _name(asset: str, shard: str) -> str:
    return f"{FOLDER}/{asset}/{shard}.json"
