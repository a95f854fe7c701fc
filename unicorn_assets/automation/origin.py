"""Runs of `unicorn run` as the UI's own: each says which code location it is of, or the UI's overview leaves it out.

Dagster gives a run that is executed in process no origin; the daemon and the webserver give theirs one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

MODULE = "unicorn_assets.definitions"
"""What `unicorn ui` loads; the code location has its name."""
NOT_AGAIN = {"dagster/max_retries": "0"}
"""Tags of a run that belongs to somebody's terminal: a daemon does not launch it again when its process was killed."""


@contextmanager
def of_the_code_location(instance: dg.DagsterInstance, job: dg.JobDefinition) -> Iterator[None]:
    """Let the runs of `job` that are created meanwhile be of the code location that `unicorn ui` shows."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name=MODULE))
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job.name)
    create = instance.create_run_for_job
    # execute_in_process hands no origin on; everything else of it is what is wanted here.
    instance.create_run_for_job = partial(create, remote_job_origin=origin)  # type: ignore[method-assign]
    try:
        yield
    finally:
        instance.create_run_for_job = create  # type: ignore[method-assign]
