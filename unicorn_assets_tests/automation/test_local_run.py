"""Runs in this process: what Ctrl-C means, and that a damaged journal is heard."""

import os
import signal
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG
from dagster._core.workspace.load import location_origins_from_yaml_paths

from unicorn_assets.automation.local_run import Outcome, _run
from unicorn_assets.automation.origin import of_the_code_location, write_workspace
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.journal import Damage, Journal
from unicorn_assets.llm.journal.store import PART_SUFFIX
from unicorn_assets.resources.observing import EVENTS
from unicorn_assets.terminal.report import gather
from unicorn_assets.terminal.tables import journal_line
from unicorn_assets_tests.llm.journal.test_journal import answer


def test_ctrl_c_inside_a_step_is_an_interruption_and_no_failure() -> None:
    @dg.asset(key_prefix="mine")
    def long_work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()

    job = dg.Definitions([long_work]).resolve_implicit_global_asset_job_def()
    outcome = Outcome()
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(KeyboardInterrupt):
        _run(job, instance, "mine", ["long_work"], {}, outcome)
    assert outcome.problems == []


def test_a_damaged_journal_is_heard_by_who_runs_and_by_who_looks(tmp_path: Path) -> None:
    with Journal.open(str(tmp_path)) as journal:
        for number in range(20):
            journal.put(answer(number))
    assert journal_line(gather(Lake(str(tmp_path)))) is None
    (part,) = (tmp_path / "journal").glob(f"*{PART_SUFFIX}")
    os.truncate(part, part.stat().st_size // 2)

    @dg.asset(key_prefix="mine")
    def work() -> None:
        with Journal.open(str(tmp_path), events=EVENTS):
            pass

    job = dg.Definitions([work]).resolve_implicit_global_asset_job_def()
    outcome = Outcome()
    with dg.DagsterInstance.ephemeral() as instance, EVENTS.heard(Damage, lambda damage: outcome.warn(str(damage))):
        for _ in range(2):  # the second run finds all in order
            assert _run(job, instance, "mine", ["work"], {}, outcome)
    (warning,) = outcome.warnings
    assert warning.startswith(f"journal: {part.name} was damaged or half written; ")
    line = journal_line(gather(Lake(str(tmp_path))))
    assert line is not None
    assert f"{part.name}.damaged" in line


def test_runs_are_of_the_code_location_that_the_ui_shows(tmp_path: Path) -> None:
    """As the overview asks for them: by job and location."""

    @dg.asset
    def work() -> None: ...

    job = dg.Definitions([work]).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        with of_the_code_location(instance, job, "boat"):
            seen = job.execute_in_process(instance=instance).run_id
        job.execute_in_process(instance=instance)
        (location,) = location_origins_from_yaml_paths([str(write_workspace(tmp_path, "boat"))])
        label = f"__repository__@{location.location_name}"
        overview = dg.RunsFilter(job_name=job.name, tags={REPOSITORY_LABEL_TAG: label})
        assert [run.run_id for run in instance.get_runs(overview)] == [seen]
