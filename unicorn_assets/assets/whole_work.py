"""What every asset over all shards does around its own work: find the finished shards, reuse or make, tell of it.

Here: that frame, for tables and for single files alike. Not here: any asset's work, partitioned assets (shard_work.py).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import dagster as dg

from unicorn_assets.assets.metadata import content_version, figures
from unicorn_assets.assets.shard_work import guard, is_forced
from unicorn_assets.errors import UserError
from unicorn_assets.graph import ARTIFACTS
from unicorn_assets.lake.artifacts import artifact_info
from unicorn_assets.lake.shards import proved_info, refusals_there
from unicorn_assets.lake.store import ALL, Lake, Made, ShardInfo
from unicorn_assets.lake.verdicts import failed_checks, look
from unicorn_assets.progress import Progress, StageProgress


def make_whole(
    progress: Progress, name: str, made: Made, known: ShardInfo | None, make: Callable[[StageProgress], ShardInfo],
    unit: str = "rows",
) -> tuple[ShardInfo, bool]:  # fmt: skip
    """What is true of `name` now, and whether it was there already: `known`, if that was made of the same, or else what
    `make` makes. `make` gets a stage of unknown length that counts in `unit`, and closes it not: it ends with it,
    whatever comes.
    """
    if known is not None and known.inputs == made.inputs:
        return known, True
    with closing(progress.stage(name, 0, unit)) as stage:
        return make(stage), False


def reusable(context: dg.AssetExecutionContext, lake: Lake, name: str) -> ShardInfo | None:
    """What there is of an asset over all shards, unless it has to be made anew in any case: it is damaged, it failed a
    blocking check, or the run forces it.
    """
    info = artifact_info(lake, ARTIFACTS[name]) if name in ARTIFACTS else whole_table(lake, name)
    if info is None or is_forced(context, name, ALL) or failed_checks(lake, name, ALL, info.content):
        return None
    return info


def whole_table(lake: Lake, name: str) -> ShardInfo | None:
    """What a table over all shards says of itself, its rows and those that it refused proved; None: not there."""
    info = proved_info(lake, name)
    return info if info is not None and refusals_there(lake, name, ALL, info) else None


def there(lake: Lake, name: str, shards: Sequence[str]) -> dict[str, ShardInfo]:
    """What these shards of `name` say of themselves, in the order of their names; those that nobody made yet are left
    out. Refuses to go on without a shard that was there: what is made of the others would silently lack its rows.

    Dagster lists partition keys in the order in which they came: what is made of all shards would depend on that.
    """
    seen = look(lake, name, sorted(shards), deep=False)  # whoever reads, proves
    lost = {shard: each.damage for shard, each in seen.items() if each.damage}
    if lost:
        names = ", ".join(f"{shard} ({damage})" for shard, damage in list(lost.items())[:5])
        raise UserError(
            f"{name} lacks {len(lost):,} of its shards: {names}",
            f"materialize {name} for them, or `unicorn run`",
        )
    return {shard: each.info for shard, each in seen.items() if each.info is not None}


def finished(lake: Lake, name: str, shards: Sequence[str]) -> list[str]:
    """Those of the shards of these vectors that have rows, in the order of their names; refuses bad and lost ones."""
    found, empty = [], 0
    for shard, info in there(lake, name, shards).items():
        empty += not info.rows
        if info.rows:
            guard(lake, name, shard, info.content)
            found.append(shard)
    if not found and empty:
        raise UserError(
            f"no caption was accepted in {empty} finished shards, so there is nothing to go on with",
            "`unicorn quarantine` says why each was refused; `unicorn quarantine retry` asks again",
        )
    if not found:
        raise UserError(f"the lake has no vectors in {name}", f"materialize {name} for at least one shard first")
    return found


def whole(metadata: Mapping[str, Any]) -> dg.MaterializeResult[Any]:
    """The materialization of an asset over all shards."""
    return dg.MaterializeResult(metadata=metadata, data_version=content_version(metadata))


def artifact_metadata(info: ShardInfo, reused: bool) -> dict[str, Any]:
    """Metadata of a single file's materialization."""
    made = {"reused": reused, "content": info.content, "code version": info.made.code_version}
    return made | figures(info.extra)
