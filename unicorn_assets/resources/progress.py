"""Progress as a Dagster resource: log lines in Dagster, bars when a command of this process listens."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from unicorn_assets.progress import LogProgress, Progress

# Dagster builds resources anew from their configuration, so a listener cannot travel inside one.
_LISTENERS: list[Progress] = []


@contextmanager
def listening(listener: Progress) -> Iterator[None]:
    """Runs of this process tell `listener` instead of the log."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)


class ProgressResource(dg.ConfigurableResource):
    """Who is told how far a stage is."""

    every_s: float = 30.0

    def to_log(self, log: dg.DagsterLogManager) -> Progress:
        """The listener of this process, else lines in the run's log."""
        return _LISTENERS[-1] if _LISTENERS else LogProgress(log.info, self.every_s)
