"""Running the whole graph on this machine in one process, as `unicorn run` does; Dagster records every run.

Here: the order of runs, which shards, what a failed run says. Not here: printing (terminal/), or what the assets do.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

from unicorn_assets.assets.shard_work import FORCE
from unicorn_assets.assets.troubles import EXIT_CODE
from unicorn_assets.automation.origin import NOT_AGAIN, of_the_code_location
from unicorn_assets.automation.sqlite import held_open
from unicorn_assets.checks.factory import ELSEWHERE
from unicorn_assets.definitions import build_defs
from unicorn_assets.ending import told_to_end
from unicorn_assets.errors import UserError
from unicorn_assets.graph import ASSETS, llm_first, stretches
from unicorn_assets.home import Home
from unicorn_assets.keys import asset_key, asset_name, step_key, step_name
from unicorn_assets.lake.damage import Damage as LakeDamage
from unicorn_assets.lake.store import ALL
from unicorn_assets.llm.endpoints import ServerWarning
from unicorn_assets.llm.journal import Damage as JournalDamage
from unicorn_assets.partitions import RANGE_END, RANGE_START, known_shards, ranges
from unicorn_assets.progress import Progress
from unicorn_assets.resources.loaded import loaded
from unicorn_assets.resources.observing import EVENTS
from unicorn_assets.resources.progress import listening

CATALOG = "seed_catalog"
"""Made first and alone: it says which shards there are."""
PARTS = llm_first()
PROCESS_TAG = "unicorn/process"
CONFIG = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}  # the bars speak, the instance keeps the log


@dataclass
class Outcome:
    """What became of the runs: problems in words (empty when all went well), those of shards that they were not about,
    warnings of checks, servers and journal, number of runs; the code to end with: 0, 1, or that of the error that
    stopped them when it is neither 0 nor the usual 2.
    """

    problems: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    exit_code: int = 0
    warnings: list[str] = field(default_factory=list)
    runs: int = 0

    def warn(self, words: str) -> None:
        """Keep a warning, once."""
        if words not in self.warnings:
            self.warnings.append(words)


@contextmanager
def local_instance(home: Home) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance below `home`; made on first use with the project's dagster.yaml."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    settings = Path(__file__).parents[2] / "dagster.yaml"
    if settings.exists():
        shutil.copyfile(settings, home.dagster / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    with held_open(), dg.DagsterInstance.get() as instance:
        yield instance


def run_graph(
    home: Home,
    progress: Progress,
    chosen: Sequence[str] | None = None,
    force: Mapping[str, Sequence[str]] | None = None,
) -> Outcome:
    """Bring everything up to date: the catalog first, then all shards, or the chosen ones, up to the releases.

    `force`: by asset the shards that are made anew although they are current, ALL for each that is in the run.
    """
    outcome, force = Outcome(), force or {}
    with ExitStack() as meanwhile:
        instance = meanwhile.enter_context(local_instance(home))
        meanwhile.enter_context(listening(progress))
        for kind in (JournalDamage, LakeDamage, ServerWarning):  # steps run in this process
            meanwhile.enter_context(EVENTS.heard(kind, lambda event: outcome.warn(str(event))))
        _bury_dead_runs(instance)
        definitions = build_defs(home)
        job = definitions.resolve_implicit_global_asset_job_def()
        data_set = loaded(str(home.recipe)).name
        meanwhile.enter_context(of_the_code_location(instance, job, data_set))
        if not _run(job, instance, data_set, [CATALOG], {}, outcome, force) or outcome.problems:
            return outcome
        known = known_shards(instance, data_set)
        if not known:
            raise UserError("the sources gave no usable seed", "look at `unicorn show quarantine` for the reasons")
        forced = {shard for shards in force.values() for shard in shards} - {ALL}
        unknown = sorted({*(chosen or ()), *forced} - set(known))
        if unknown:
            raise UserError(f"there is no shard {unknown[0]!r}", f"the shards are {', '.join(known[:20])}")
        neighbours = ranges(known, chosen or known)
        split = len(neighbours) > 1
        for names in _runs(split):
            by_shard = any(ASSETS[name].by_shard for name in names)
            for start, end in neighbours if by_shard else [neighbours[0]]:
                tags = {RANGE_START: start, RANGE_END: end} if by_shard else {}
                if not _run(job, instance, data_set, names, tags, outcome, force) or (outcome.problems and split):
                    return outcome
    return outcome


def _runs(split: bool) -> Iterator[tuple[str, ...]]:
    """Assets run by run. A run over neighbouring shards takes a part of the graph at once; chosen shards that are no
    neighbours need (`split`) one for each partitioned stretch between two assets that look at all shards.
    """
    for part in PARTS:
        names = tuple(name for name in part if name != CATALOG)
        if split:
            yield from stretches(names)
        else:
            yield names


def _run(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    data_set: str,
    names: Sequence[str],
    tags: dict[str, str],
    outcome: Outcome,
    force: Mapping[str, Sequence[str]] | None = None,
) -> bool:
    """Whether all steps were done; what went wrong, and what checks found, is in `outcome`."""
    before = len(outcome.problems)
    keys = [asset_key(data_set, name) for name in names]
    forced: dict[str, list[str]] = {}
    for name, shards in (force or {}).items():
        if name in names:
            forced.setdefault(step_key(data_set, name), []).extend(f"{name}/{shard}" for shard in shards)
    ops = {step: {"config": {FORCE: units}} for step, units in forced.items()}
    all_tags = {**tags, **NOT_AGAIN, PROCESS_TAG: f"{os.getpid()}:{_start_time(os.getpid())}"}
    try:
        result = job.execute_in_process(
            asset_selection=keys,
            instance=instance,
            tags=all_tags,
            run_config={**CONFIG, "ops": ops},
            raise_on_error=False,
        )
    except DagsterExecutionInterruptedError:  # between steps
        raise KeyboardInterrupt from None
    outcome.runs += 1
    found: dict[tuple[str, str], list[dg.AssetCheckEvaluation]] = {}
    for check in result.get_asset_check_evaluations():
        if not check.passed:  # what is said of several checks is said once: a damaged shard breaks them all
            found.setdefault((asset_name(check.asset_key), str(check.description)), []).append(check)
    for (asset, said), checks in found.items():
        more = f" and {len(checks) - 1} more" if len(checks) > 1 else ""
        words = f"check {asset}.{checks[0].check_name}{more}: {said}"
        is_error = any(check.severity == dg.AssetCheckSeverity.ERROR for check in checks)
        is_elsewhere = any(ELSEWHERE in check.metadata for check in checks)
        lines = outcome.elsewhere if is_elsewhere else outcome.problems
        kept = lines if is_error else outcome.warnings
        kept += [words] if words not in kept else []
    if not result.success and len(outcome.problems) == before:
        failures = [event for event in result.all_events if event.is_step_failure]
        if told_to_end() or any(_interrupted(event) for event in failures):
            raise KeyboardInterrupt  # Dagster, or what a step called, turned it into a failed step
        outcome.problems += [_words(event) for event in failures]
        outcome.exit_code = max((_exit_code(event) for event in failures), default=0)
    if not result.success and len(outcome.problems) == before:
        outcome.problems.append(f"run {result.run_id} failed before any step; see it in the UI")
    return bool(result.success)


def _words(event: dg.DagsterEvent) -> str:
    step, failure = step_name(event.step_key or ""), event.step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return f"{step}: {failure.user_failure_data.description}"
    error = failure.error
    cause = error.cause if error is not None and error.cause is not None else error
    what = cause.message.strip() if cause is not None else "failed"
    return f"{step}: {what} (a fault of the program; the trace is in the UI, `unicorn ui`)"


def _interrupted(event: dg.DagsterEvent) -> bool:
    error = event.step_failure_data.error
    causes = (error, error.cause if error is not None else None)
    return any(cause is not None and cause.cls_name == "DagsterExecutionInterruptedError" for cause in causes)


def _exit_code(event: dg.DagsterEvent) -> int:
    told = event.step_failure_data.user_failure_data
    value = told.metadata.get(EXIT_CODE) if told is not None else None
    return int(value.value) if isinstance(value, dg.IntMetadataValue) and value.value else 1


def _bury_dead_runs(instance: dg.DagsterInstance) -> None:
    """Mark runs as failed whose process was killed, and give back the pool slots they held; nobody else would."""
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
    for run in instance.get_runs(started):
        process = run.tags.get(PROCESS_TAG)
        if process and not _is_alive(process):
            pid = process.split(":")[0]
            instance.report_run_failed(run, f"process {pid} ended without a word; finished shards are kept")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _is_alive(process: str) -> bool:
    pid, started = process.split(":", 1)
    return _start_time(int(pid)) == started


def _start_time(pid: int) -> str:
    """Start time of a process in clock ticks since boot, so that a reused pid is not mistaken; empty when unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return ""
