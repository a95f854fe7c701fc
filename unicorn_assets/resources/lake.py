"""The lake as a Dagster resource."""

import dagster as dg
from pydantic import PrivateAttr

from unicorn_assets.errors import UserError, machine_error
from unicorn_assets.lake.owner import claim
from unicorn_assets.lake.store import Lake
from unicorn_assets.resources.observing import EVENTS


class LakeResource(dg.ConfigurableResource):
    """Where tables, vectors, journal and releases live: a folder or s3://bucket/prefix.

    `recipe`: whose lake it has to be, by name; every step makes sure of that, whoever launched it.
    """

    url: str
    recipe: str = ""
    _lake: Lake | None = PrivateAttr(default=None)

    def open(self) -> Lake:
        """The lake, to be worked on; credentials and endpoint of S3 come from the environment (AWS_*).

        Raises dagster's Failure for a lake that belongs to another recipe.
        """
        if self._lake is None:
            lake = Lake(self.url, mends=True, events=EVENTS)
            if self.recipe:
                _claim(lake, self.recipe)
            self._lake = lake
        return self._lake


def _claim(lake: Lake, recipe: str) -> None:
    try:
        claim(lake, recipe)
    except Exception as error:
        told = machine_error(error) or error
        if not isinstance(told, UserError):
            raise
        raise dg.Failure(description=str(told), allow_retries=False) from None
