"""What a recipe wants of a lake, and what of a lake is not made so: of other code, of other parents, of too few.

Here: comparing how a shard was made with how it would be made now. Not here: damage and verdicts (states.py), or the
versions themselves (versions.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from unicorn_assets.graph import ASSETS, VECTORS
from unicorn_assets.lake.store import ShardInfo
from unicorn_assets.lake.verdicts import Seen
from unicorn_assets.recipe import Recipe
from unicorn_assets.seeds.listing import sources_fingerprint
from unicorn_assets.transfer.given import given_transfer
from unicorn_assets.versions import versions

SOURCES, FILE = "sources", "file"
"""Names by which a `Made` lists what lies outside of the lake: the sources' content, a fitted move of somebody else."""


@dataclass(frozen=True)
class Wanted:
    """Code version by asset, and what lies outside of the lake by the names under which a `Made` lists it."""

    versions: Mapping[str, str] = field(default_factory=dict)
    outside: Mapping[str, str] = field(default_factory=dict)


def wanted_of(recipe: Recipe, sources: bool = True) -> Wanted:
    """What a recipe wants. Reads the sources (remote ones: asks for their state) unless told not to; raises UserError
    when something that the recipe names cannot be read.
    """
    given = given_transfer(recipe)
    outside = {SOURCES: sources_fingerprint(recipe)} if sources else {}
    return Wanted(versions(recipe), outside | ({FILE: given.version()} if given else {}))


def changed(
    asset: str, shard: str, info: ShardInfo, now: Mapping[str, str], seen: Mapping[str, Mapping[str, Seen]],
    wanted: Wanted,
) -> str:  # fmt: skip
    """What changed since a shard was made, in words; empty when it would be made the same way. A parent that is gone
    says nothing: it is told of itself.
    """
    made = info.made.parents
    grants = f"redrives/{asset}/{shard}"
    if now.get(grants, made.get(grants)) != made.get(grants):
        return "what may be asked"
    if other := next((name for name, content in made.items() if now.get(name, content) != content), ""):
        return other
    if wanted.versions.get(asset, info.made.code_version) != info.made.code_version:
        return "the recipe or the code"
    if not ASSETS[asset].by_shard and (other := _other_shards(asset, made, seen)):
        return other
    if asset == "transfer" and wanted.versions and made.get(FILE) != wanted.outside.get(FILE):
        return "the file of the move"
    return ""


def _other_shards(asset: str, made: Mapping[str, str], seen: Mapping[str, Mapping[str, Seen]]) -> str:
    """A parent that an asset over all shards would have now and had not, or had and would not have; empty if none."""
    for parent in (name for name in ASSETS[asset].parents if ASSETS[name].by_shard):
        there = {f"{parent}/{shard}" for shard, each in seen[parent].items() if _counts(parent, each)}
        lost = {f"{parent}/{shard}" for shard, each in seen[parent].items() if each.damage}
        had = {name for name in made if name.startswith(f"{parent}/")}
        if other := sorted((there - had) | (had - there - lost)):
            return other[0]
    return ""


def _counts(parent: str, seen: Seen) -> bool:
    """Whether an asset over all shards is made of this one too: of vectors it takes those that have rows."""
    return seen.info is not None and not seen.damage and (parent not in VECTORS or seen.info.rows > 0)


def shards_differ(manifest_parents: Mapping[str, str], table: str, seen: Mapping[str, Mapping[str, Seen]]) -> bool:
    """Whether a release would be made of other shards than those that its manifest lists."""
    vectors: Sequence[str] = [
        shard for shard, each in seen["image_embeddings"].items() if _counts("image_embeddings", each)
    ]
    rows = seen[table]
    would = {shard for shard in vectors if shard in rows and rows[shard].info is not None}
    lost = {shard for name in (table, "image_embeddings") for shard, each in seen[name].items() if each.damage}
    had = {name.split("/")[1] for name in manifest_parents}
    return would - lost != had - lost
