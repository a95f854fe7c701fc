"""What every partitioned asset does around its own work: skip what is current, guard, write, report.

A shard is current when its file says that the same code and the same parents made it, and is proved to be as it was
written, and so is the table of what it refused; then nothing is computed.
Here: that loop. Not here: any asset's work, or the wording of metadata (metadata.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
from numpy.typing import NDArray

from unicorn_assets.assets.metadata import shard_metadata, with_sample
from unicorn_assets.errors import MachineError, UserError, machine_error
from unicorn_assets.graph import VECTORS
from unicorn_assets.lake.artifacts import failed_checks
from unicorn_assets.lake.store import ALL, Lake, Made, ShardInfo
from unicorn_assets.progress import Progress, StageProgress
from unicorn_assets.recipe import Recipe
from unicorn_assets.redaction import scrub

EXIT_CODE = "exit code"
"""Metadata of a failure that a person can mend: with what code a command ends because of it."""


@dataclass(frozen=True)
class Rows:
    """The outcome of one table shard. `figures` are kept with it; `shown` is for the UI, of a shard just made."""

    frame: pl.DataFrame
    quarantine: pl.DataFrame | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Vectors:
    """The outcome of one vector shard: ids and (rows, dimension) vectors."""

    ids: Sequence[str]
    vectors: NDArray[np.floating[Any]]
    quarantine: pl.DataFrame | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, Any] = field(default_factory=dict)


Parents = Mapping[str, str]  # "table/shard" -> content hash
Work = Callable[[str, StageProgress], Rows | Vectors]


def shard_info(lake: Lake, name: str, shard: str = ALL) -> ShardInfo | None:
    """What a table or vector shard says of itself."""
    return lake.vector_info(name, shard) if name in VECTORS else lake.info(name, shard)


def parents(lake: Lake, *names: tuple[str, str]) -> dict[str, str]:
    """Content hashes of parent shards; refuses a missing parent and one whose blocking checks failed."""
    found = {}
    for name, shard in names:
        info = shard_info(lake, name, shard)
        if info is None:
            raise UserError(f"{name} has no shard {shard!r} in {lake.url}", f"materialize {name} for that shard first")
        guard(lake, name, shard, info.content)
        found[f"{name}/{shard}"] = info.content
    return found


def guard(lake: Lake, name: str, shard: str, content: str) -> None:
    """Refuse to build on data that failed a blocking check, also when the check ran in another run."""
    failed = failed_checks(lake, name, shard, content)
    if failed:
        raise UserError(
            f"{name} shard {shard!r} failed its check {', '.join(failed)}; nothing is built on it",
            f"look at the check's rows in the UI, mend the cause and materialize {name} again",
        )


@contextmanager
def errors_for_people() -> Iterator[None]:
    """Turn a UserError, or what the machine refused, into a Dagster failure without a traceback of our own code, and
    without retries.
    """
    try:
        yield
    except Exception as error:
        told = machine_error(error) or error
        if not isinstance(told, UserError):
            scrub(error)  # Dagster keeps its trace
            raise
        # A failed run was always 1, a mistake before it 2; no disk and no permission are no failure of the data.
        code = 1 if told.exit_code == UserError.exit_code and not isinstance(told, MachineError) else told.exit_code
        raise dg.Failure(description=str(told), metadata={EXIT_CODE: code}, allow_retries=False) from None


def fill_shards(
    context: dg.AssetExecutionContext,
    lake: Lake,
    recipe: Recipe,
    progress: Progress,
    *,
    version: str,
    parents_of: Callable[[str], Parents],
    work: Work,
    rows_of: Callable[[str], int],
) -> dg.MaterializeResult[Any]:
    """Bring the run's shards of this asset up to date. `rows_of` says how many rows a shard's work will advance."""
    name = context.asset_key.to_user_string()
    with errors_for_people():
        plan = [(shard, Made(recipe.name, version, parents_of(shard))) for shard in context.partition_keys]
        stale = [shard for shard, made in plan if not _is_current(lake, name, shard, made)]
        with closing(progress.stage(name, sum(rows_of(shard) for shard in stale))) as stage:
            for shard, made in plan:
                reused = shard not in stale
                shown: Mapping[str, Any] = {}
                if not reused:
                    output = work(shard, stage)
                    _write(lake, name, shard, made, output)
                    shown = output.shown
                info = shard_info(lake, name, shard)
                assert info is not None, "a shard that was just written or found current"
                metadata = {**shard_metadata(lake, name, shard, info, reused), **shown}
                context.add_asset_metadata(metadata, asset_key=name, partition_key=shard)
                if not reused and len(plan) > 1:
                    # The run's own events come at its end; this one survives if the pod does not.
                    context.log_event(dg.AssetMaterialization(name, partition=shard, metadata=metadata))
    context.log.info(f"{name}: {len(stale)} of {len(plan)} shards made, the others were current")
    return dg.MaterializeResult()


def _with_first_times(quarantine: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """Rows that were refused before, by the same answer for the same reason, keep the time of that."""
    if before is None:
        return quarantine
    same = ["row_id", "request_hash", "reason"]
    known = before.select(*same, first=pl.col("at")).unique(same)
    joined = quarantine.join(known, on=same, how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(at=pl.coalesce("first", "at")).drop("first")


def _is_current(lake: Lake, name: str, shard: str, made: Made) -> bool:
    info = proved_info(lake, name, shard)
    return info is not None and info.inputs == made.inputs and refusals_there(lake, name, shard, info)


def proved_info(lake: Lake, name: str, shard: str = ALL) -> ShardInfo | None:
    """What a shard says of itself, its rows proved: what is damaged counts as not there, and is made again."""
    sound = lake.is_sound(lake.vector_path(name, shard) if name in VECTORS else lake.path(name, shard))
    return shard_info(lake, name, shard) if sound else None


def refusals_there(lake: Lake, name: str, shard: str, info: ShardInfo) -> bool:
    """Whether the rows that a shard's maker refused are still in quarantine; the shard says how many there were."""
    refused = sum(info.extra.get("quarantined", {}).values())
    kept = proved_info(lake, f"quarantine/{name}", shard)
    return not refused or (kept is not None and kept.rows == refused)


def _write(lake: Lake, name: str, shard: str, made: Made, output: Rows | Vectors) -> None:
    # Quarantine first: the shard's own file is what says "done".
    quarantine = output.quarantine
    reasons: dict[str, int] = {}
    if quarantine is not None:
        quarantine = _with_first_times(quarantine, lake.find(f"quarantine/{name}", shard))
        lake.write(f"quarantine/{name}", shard, quarantine, made)
        reasons = dict(quarantine["reason"].value_counts(sort=True).iter_rows())
    extra = {**output.figures, "quarantined": reasons}
    if isinstance(output, Vectors):
        lake.write_vectors(name, shard, output.ids, output.vectors, made, extra)
    else:
        lake.write(name, shard, output.frame, made, with_sample(extra, output.frame))
