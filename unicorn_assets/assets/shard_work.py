"""What every partitioned asset does around its own work: skip what is current, guard, write, report.

A shard is current when its file says that the same code and the same parents made it, is proved to be as it was
written, and so is the table of what it refused, and when it failed no blocking check; then nothing is computed.
Here: that loop. Not here: any asset's work, the wording of metadata (metadata.py), shards that fail (troubles.py).
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from numpy.typing import NDArray

from unicorn_assets.assets.metadata import content_version, shard_metadata, with_sample
from unicorn_assets.assets.troubles import EXIT_CODE, Troubles
from unicorn_assets.errors import MachineError, UserError, machine_error
from unicorn_assets.generation.side_by_side import Result, Unit, one_by_one
from unicorn_assets.keys import asset_key, asset_name
from unicorn_assets.lake.shards import proved_info, refusals_there, shard_info
from unicorn_assets.lake.store import ALL, Lake, Made
from unicorn_assets.lake.verdicts import failed_checks
from unicorn_assets.progress import Progress, StageProgress
from unicorn_assets.recipe import Recipe
from unicorn_assets.redaction import scrub

FORCE = "force"
"""Run config of a step: names of shards that are made anew although they are current; ALL for each of the run. With
the asset's name before it (multiple_choice/ALL) where the step makes several assets and only that one is meant.
"""


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
Each = Callable[[Sequence[Unit], Callable[[Unit], Rows | Vectors]], Generator[tuple[Unit, Result[Rows | Vectors]]]]


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


@dataclass(frozen=True)
class Maker:
    """How one asset's shards are made: by which version of the code, of which parents. `rows_of` says how many rows
    `work` of a shard will advance.
    """

    asset: str
    version: str
    parents_of: Callable[[str], Parents]
    work: Work
    rows_of: Callable[[str], int]


def fill_shards(
    context: dg.AssetExecutionContext,
    lake: Lake,
    recipe: Recipe,
    progress: Progress,
    *makers: Maker,
    each: Each = one_by_one,
) -> Any:
    """Bring the run's shards of these assets up to date, which one step makes. `each` does the work, shard by shard or
    several at a time, in any order. What is good is reported, also when a shard of another asset fails.
    """
    shards, by_name, troubles = list(context.partition_keys), {maker.asset: maker for maker in makers}, Troubles()
    made_of, stale, shown = dict[Unit, Made](), dict[Unit, int](), dict[Unit, Mapping[str, Any]]()

    def told(unit: Unit) -> dict[str, Any]:
        info = shard_info(lake, *unit)
        assert info is not None, "a shard that was just written or found current"
        return {**shard_metadata(lake, *unit, info, unit not in stale), **shown.get(unit, {})}

    def result(unit: Unit) -> Any:
        key, metadata = asset_key(recipe.name, unit[0]), told(unit)
        context.add_asset_metadata(metadata, asset_key=key, partition_key=unit[1])
        return dg.MaterializeResult(asset_key=key, data_version=content_version(metadata))

    with errors_for_people():
        for unit in ((name, shard) for shard in shards for name in by_name):
            maker, shard = by_name[unit[0]], unit[1]
            with troubles.of(unit):
                made_of[unit] = Made(recipe.name, maker.version, maker.parents_of(shard))
                if is_forced(context, *unit) or not _is_current(lake, *unit, made_of[unit]):
                    stale[unit] = maker.rows_of(shard)
        with ExitStack() as stack:
            stages = _Stages(progress, by_name, stale)
            stack.enter_context(closing(stages))
            works = each(list(stale), lambda unit: by_name[unit[0]].work(unit[1], stages.of(unit)))
            for unit, work in stack.enter_context(closing(works)):
                with troubles.of(unit):
                    output = work()
                    _write(lake, *unit, made_of[unit], output)
                    shown[unit] = output.shown
                    if len(made_of) > 1:
                        # The run's own events come at its end; this one survives if the pod does not.
                        context.log_event(_materialized(recipe, unit, told(unit)))
                stages.done(unit)
        for name in by_name:
            units = [(name, shard) for shard in shards]
            current = [unit for unit in units if unit not in stale and unit not in troubles.found]
            if len(shards) == 1:
                yield from (result(unit) for unit in units if unit not in troubles.found)
            elif troubles.found.keys().isdisjoint(units):
                yield from _each_of_its_content(context, recipe, {unit: told(unit) for unit in units})
            else:  # the run's own events of this asset will not come: of all its shards none would count as made
                for unit in current:
                    context.log_event(_materialized(recipe, unit, told(unit)))
            made = sum(unit in stale and unit not in troubles.found for unit in units)
            context.log.info(f"{name}: {made} of {len(shards)} shards made, {len(current)} were current")
        troubles.tell(len(shards))


class _Stages:
    """Progress of each asset of a step; one ends with its last shard, whatever the others still do."""

    def __init__(self, progress: Progress, names: Iterable[str], stale: Mapping[Unit, int]) -> None:
        self._left = {name: {unit for unit in stale if unit[0] == name} for name in names}
        self._open = {
            name: progress.stage(name, sum(stale[unit] for unit in units)) for name, units in self._left.items()
        }

    def of(self, unit: Unit) -> StageProgress:
        return self._open[unit[0]]

    def done(self, unit: Unit) -> None:
        self._left[unit[0]].discard(unit)
        if not self._left[unit[0]]:
            self._open.pop(unit[0]).close()

    def close(self) -> None:
        while self._open:
            self._open.pop(next(iter(self._open))).close()


def _each_of_its_content(
    context: dg.AssetExecutionContext, recipe: Recipe, made: Mapping[Unit, Mapping[str, Any]]
) -> Iterator[Any]:
    """Dagster gives all shards of a run one data version, of code and parents; here each then gets that of its content:
    the last event of a shard counts.
    """
    first = next(iter(made))
    key = asset_key(recipe.name, first[0])
    for (_, shard), metadata in made.items():
        context.add_asset_metadata(metadata, asset_key=key, partition_key=shard)
    yield dg.MaterializeResult(asset_key=key)
    record = context.instance.get_latest_data_version_record(key, partition_key=first[1])
    event = record.event_log_entry.asset_materialization if record is not None else None
    for unit, metadata in made.items():
        context.log_event(_materialized(recipe, unit, metadata, event.tags if event else None))


def _materialized(
    recipe: Recipe, unit: Unit, metadata: Mapping[str, Any], tags: Mapping[str, str] | None = None
) -> dg.AssetMaterialization:
    """`tags`: what Dagster said of code and parents."""
    own = {**(tags or {}), DATA_VERSION_TAG: content_version(metadata).value}
    name, shard = unit
    return dg.AssetMaterialization(asset_key(recipe.name, name), partition=shard, metadata=metadata, tags=own)


def is_forced(context: dg.AssetExecutionContext, name: str, shard: str) -> bool:
    """Whether the run's config wants this shard (ALL: an asset over all shards) anew. UserError when it names something
    that is not there: it would be passed over.
    """
    forced = (context.op_execution_context.op_config or {}).get(FORCE, ())
    for each in forced:
        asset, slash, key = each.rpartition("/")
        own = {asset_name(key) for key in context.assets_def.keys}
        if (slash and asset not in own) or not (key == ALL or (shard != ALL and _is_known(context, key))):
            shown = f"{sorted(own)[0]}/" if len(own) > 1 else ""
            raise UserError(
                f"{FORCE}: this step makes nothing that is called {each!r}",
                f"write {ALL!r}{' or the name of a shard' if shard != ALL else ''}"
                + (f", with an asset's name before it to mean that one: {shown}{ALL}" if shown else ""),
            )
    return not {ALL, shard, f"{name}/{ALL}", f"{name}/{shard}"}.isdisjoint(forced)


def _is_known(context: dg.AssetExecutionContext, shard: str) -> bool:
    partitions = context.assets_def.partitions_def
    return partitions is not None and partitions.has_partition_key(shard, dynamic_partitions_store=context.instance)


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
    if info is None or info.inputs != made.inputs or not refusals_there(lake, name, shard, info):
        return False
    return not failed_checks(lake, name, shard, info.content)


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
