"""When each step of a home's runs began and ended, by Dagster's records. Not here: memory, CPU (watching.py)."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from unicorn_assets.automation.local_run import local_instance
from unicorn_assets.home import Home

ENDS = {dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE}


@dataclass(frozen=True)
class Step:
    """One asset's or check's step of one run; times in seconds since 1970."""

    name: str
    begun: float
    ended: float

    @property
    def seconds(self) -> float:
        """By the clock."""
        return self.ended - self.begun


def steps_of(home: Home) -> Iterator[Step]:
    """All steps of all runs, as they ended."""
    with local_instance(home) as instance:
        for run in reversed(instance.get_runs()):
            begun: dict[str, float] = {}
            for entry in instance.all_logs(run.run_id, of_type={dg.DagsterEventType.STEP_START, *ENDS}):
                event = entry.get_dagster_event()
                key = event.step_key or ""
                if event.event_type == dg.DagsterEventType.STEP_START:
                    begun[key] = entry.timestamp
                elif key in begun:
                    yield Step(key.split("__", 1)[-1], begun.pop(key), entry.timestamp)
