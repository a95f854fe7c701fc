"""The state of every shard of every asset by now: from its file, its verdict, and what its parents hold.

What is not known to be good is never good: a shard that nobody judged, or that was changed since, is unchecked.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.graph import ARTIFACTS, ASKING, ASSETS, REFUSING, RELEASES
from unicorn_assets.health.wanted import Wanted, changed, shards_differ
from unicorn_assets.lake.artifacts import artifact_info
from unicorn_assets.lake.redrives import Redrives
from unicorn_assets.lake.released import latest_release, release_manifest
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import ALL, Lake, ShardInfo, content_hash
from unicorn_assets.lake.verdicts import Seen, look
from unicorn_assets.seals import Damaged


class State(StrEnum):
    """What is true of a shard, the worst first. `WARNED`: a check that blocks nothing is broken; `STALE`: its parents
    changed since it was made; `MISSING`: nobody made it yet.
    """

    DAMAGED = "damaged"
    FAILED = "failed"
    MISSING = "missing"
    STALE = "stale"
    UNCHECKED = "unchecked"
    WARNED = "warned"
    GOOD = "good"


WORST_FIRST = tuple(State)
LOOKS = {
    State.DAMAGED: ("D", "#7b2fa8", "magenta"), State.FAILED: ("F", "#d3332e", "red"),
    State.MISSING: ("-", "#c3c8ce", "white"), State.STALE: ("s", "#3f7fc4", "blue"),
    State.UNCHECKED: ("?", "#8b949e", "bright_black"), State.WARNED: ("w", "#e0a800", "yellow"),
    State.GOOD: (".", "#2f9e6b", "green"),
}  # fmt: skip
"""A letter and a colour for each state: on the page, and its name in a terminal that may know 16 colours only."""


@dataclass(frozen=True)
class Cell:
    """One shard of one asset. `refused`: share of the rows that came to it that are in quarantine, 0 to 1; `words`:
    what is wrong, in a line.
    """

    state: State
    rows: int = 0
    refused: float = 0.0
    words: str = ""


@dataclass(frozen=True)
class Health:
    """All shards' states, by asset in the order of making; an asset over all shards has the one shard ALL."""

    shards: Sequence[str]
    cells: Mapping[str, Mapping[str, Cell]]
    refused: Mapping[str, Mapping[str, int]]  # rows in quarantine by asset and reason

    def counts(self, asset: str) -> Counter[State]:
        """How many shards are in which state."""
        return Counter(cell.state for cell in self.cells[asset].values())

    def worst(self) -> State:
        """The worst state of all."""
        return min((cell.state for row in self.cells.values() for cell in row.values()), key=WORST_FIRST.index)

    def bad(self) -> list[tuple[str, str, Cell]]:
        """Asset, shard and cell of all that is damaged or failed a check, the worst first."""
        found = [(asset, shard, cell) for asset, row in self.cells.items() for shard, cell in row.items()]
        shown = [each for each in found if each[2].state in (State.DAMAGED, State.FAILED)]
        return sorted(shown, key=lambda each: WORST_FIRST.index(each[2].state))

    def to_dict(self) -> dict[str, Any]:
        """Plain values: what is not good, by asset and shard; numbers of shards by state."""
        return {
            asset: {
                "states": {state.value: count for state, count in sorted(self.counts(asset).items())},
                "not_good": {shard: asdict(cell) for shard, cell in row.items() if cell.state is not State.GOOD},
            }
            for asset, row in self.cells.items()
        }


def health(lake: Lake, deep: bool = True, wanted: Wanted | None = None) -> Health:
    """Look at everything. `deep`: every bit of each shard is proved on local disk; else descriptions are believed.
    `wanted`: what is not as this recipe wants it is stale too; without it only what its parents left behind is.
    """
    wanted = wanted or Wanted()
    catalog = lake.find("seed_catalog", ALL, ["shard"])
    sizes = dict(catalog["shard"].value_counts().iter_rows()) if catalog is not None else {}
    shards = sorted(sizes)
    names = [name for name in ASSETS if name not in RELEASES]
    seen = {name: look(lake, name, shards if ASSETS[name].by_shard else [ALL], deep) for name in names}
    now = {**_contents(lake, seen, shards), **wanted.outside}
    if wanted.versions:
        now |= _catalog_parts(lake)
    cells = {
        name: {
            shard: _cell(name, shard, each, partial(changed, now=now, seen=seen, wanted=wanted), sizes.get(shard))
            for shard, each in row.items()
        }
        for name, row in seen.items()
    }
    refused = {name: _refused(seen[name]) for name in REFUSING}
    releases = {name: {ALL: _release(lake, name, now, seen, wanted)} for name in RELEASES}
    return Health(shards, cells | releases, refused)


def _refused(row: Mapping[str, Seen]) -> dict[str, int]:
    found = Counter[str]()
    for seen in row.values():
        found.update(seen.info.extra.get("quarantined", {}) if seen.info else {})
    return dict(found)


def _catalog_parts(lake: Lake) -> dict[str, str]:
    """What the catalog holds now for each shard."""
    catalog = lake.find("seed_catalog")
    parts = catalog.partition_by("shard", as_dict=True, maintain_order=True) if catalog is not None else {}
    columns = list(polars_schema("seeds"))
    return {f"seed_catalog/{shard}": content_hash(part.select(columns)) for (shard,), part in parts.items()}


def _contents(lake: Lake, seen: Mapping[str, Mapping[str, Seen]], shards: Sequence[str]) -> dict[str, str]:
    """What parents hold now, under the names by which a `Made` lists them."""
    now = {
        f"{name}/{shard}": each.info.content for name, row in seen.items() for shard, each in row.items() if each.info
    }
    repeats = lake.find("near_duplicates")
    if repeats is not None:
        parts = repeats.partition_by("shard", as_dict=True)
        none = content_hash(repeats.clear())
        now |= {f"near_duplicates/{s}": content_hash(parts[(s,)]) if (s,) in parts else none for s in shards}
    for asset in ASKING:
        grants = Redrives(lake, asset)
        for shard in shards:
            try:
                now |= grants.parents(shard)
            except UserError:  # damaged: a run says so, and ends
                now[f"redrives/{asset}/{shard}"] = "damaged"
    transfer, reference = (artifact_info(lake, ARTIFACTS[name]) for name in ("transfer", "image_reference"))
    now |= {"transfer": str(transfer.extra.get("version"))} if transfer else {}
    return now | ({"image_reference": reference.content} if reference else {})


def _cell(asset: str, shard: str, seen: Seen, differs: Callable[[str, str, ShardInfo], str], size: int | None) -> Cell:
    info = seen.info
    if info is None:
        return Cell(State.DAMAGED, words=seen.damage) if seen.damage else Cell(State.MISSING)
    refused = sum(info.extra.get("quarantined", {}).values())
    rows, share = info.rows, refused / max(1, refused + info.rows)
    if seen.damage:
        return Cell(State.DAMAGED, rows, share, seen.damage)
    broken = seen.verdict.broken if seen.verdict else {}
    failed = [f"{name} ({found.rows:,} rows)" for name, found in broken.items() if found.blocks]
    if failed:
        return Cell(State.FAILED, rows, share, ", ".join(failed))
    other = differs(asset, shard, info)
    if asset == "seeds" and size != info.rows:
        other = "the catalog"
    if other:
        return Cell(State.STALE, rows, share, f"{other} changed since")
    if seen.verdict is None:
        return Cell(State.UNCHECKED, rows, share, "no verdict on what it holds")
    return Cell(State.WARNED if broken else State.GOOD, rows, share, ", ".join(broken))


def _release(
    lake: Lake, asset: str, now: Mapping[str, str], seen: Mapping[str, Mapping[str, Seen]], wanted: Wanted
) -> Cell:
    version = latest_release(lake, asset)
    if version is None:
        return Cell(State.MISSING)
    try:
        manifest = release_manifest(lake, asset, version)
    except Damaged as error:
        return Cell(State.DAMAGED, words=error.reason)
    rows, words = int(manifest["rows"]), f"version {version}"
    parents = manifest["parents"]
    if any(now.get(name, content) != content for name, content in parents.items()):
        return Cell(State.STALE, rows, words=f"{words} is of other rows than there are now")
    if shards_differ(parents, ASSETS[asset].table, seen):
        return Cell(State.STALE, rows, words=f"{words} is of other shards than there are now")
    if not str(manifest["recipe"]["hash"]).startswith(wanted.versions.get(asset, "")):
        return Cell(State.STALE, rows, words=f"{words} is of another recipe")
    return Cell(State.GOOD, rows, words=words)
