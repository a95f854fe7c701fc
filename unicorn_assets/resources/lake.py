"""The lake as a Dagster resource."""

import dagster as dg
from pydantic import PrivateAttr

from unicorn_assets.lake.store import Lake
from unicorn_assets.resources.observing import EVENTS


class LakeResource(dg.ConfigurableResource):
    """Where tables, vectors, journal and releases live: a folder or s3://bucket/prefix."""

    url: str
    _lake: Lake | None = PrivateAttr(default=None)

    def open(self) -> Lake:
        """The lake, to be worked on; credentials and endpoint of S3 come from the environment (AWS_*)."""
        if self._lake is None:
            self._lake = Lake(self.url, mends=True, events=EVENTS)
        return self._lake
