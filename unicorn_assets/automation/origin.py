"""The code location of one home: what `unicorn ui` loads, and what runs of `unicorn run` say that they are of.

It is named after the data set. The UI's overview shows the runs of its code locations only, and Dagster gives a run
that is executed in process no origin, as the daemon and the webserver give theirs.
"""

from collections.abc import Iterator, Set
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import dagster as dg
import yaml
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

MODULE = "unicorn_assets.definitions"
NOT_AGAIN = {MAX_RETRIES_TAG: "0"}
"""Tags of a run that belongs to somebody's terminal: a daemon does not launch it again when its process was killed."""


def write_workspace(folder: Path, data_set: str) -> Path:
    """A workspace file in `folder` for the UI of one data set; the environment says which recipe and lake it is."""
    file = folder / "workspace.yaml"
    location = {"python_module": {"module_name": MODULE, "location_name": data_set}}
    file.write_text(yaml.safe_dump({"load_from": [location]}), encoding="utf-8")
    return file


@contextmanager
def of_the_code_location(instance: dg.DagsterInstance, job: dg.JobDefinition, data_set: str) -> Iterator[None]:
    """Let the runs of `job` that are created meanwhile be of the data set's code location."""
    target = LoadableTargetOrigin(module_name=MODULE)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name=data_set)
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job.name)
    create = instance.create_run_for_job
    # execute_in_process hands no origin on; everything else of it is what is wanted here.
    instance.create_run_for_job = partial(create, remote_job_origin=origin)  # type: ignore[method-assign]
    try:
        yield
    finally:
        instance.create_run_for_job = create  # type: ignore[method-assign]


def of_these(run: dg.DagsterRun, keys: Set[dg.AssetKey]) -> bool:
    """Whether a run is over some of these assets, or does not say over which it is."""
    return run.asset_selection is None or bool(keys & run.asset_selection)
