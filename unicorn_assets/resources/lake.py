"""The lake as a Dagster resource, and what each step makes sure of before it touches it: whose lake, which recipe."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from unicorn_assets.ending import ends_with_its_parent
from unicorn_assets.errors import UserError, machine_error
from unicorn_assets.lake.owner import claim
from unicorn_assets.lake.store import Lake
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources.observing import EVENTS
from unicorn_assets.resources.one_recipe import hold_to_one_recipe
from unicorn_assets.resources.variant import RecipeResource


class LakeResource(dg.ConfigurableResource):
    """Where tables, vectors, journal and releases live: a folder or s3://bucket/prefix."""

    url: str
    variant: RecipeResource
    _lake: Lake | None = PrivateAttr(default=None)
    _begun: Recipe | None = PrivateAttr(default=None)
    _context: dg.InitResourceContext | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Dagster tells of the run. A step's process may be a fork of one that knew the definitions before."""
        ends_with_its_parent()
        self._context = context

    def begin(self, planned: Recipe) -> tuple[Lake, Recipe]:
        """The lake, to be worked on, and the recipe that the run follows: `planned`, of the code location, or the
        variant that the run's config gives. Credentials and endpoint of S3 come from the environment (AWS_*).

        Raises dagster's Failure for a lake of another recipe, a variant that cannot be, and a recipe that is not the
        one that the run began with; nothing was written then.
        """
        if self._lake is None or self._begun is None:
            with _errors_for_people():
                lake = Lake(self.url, mends=True, events=EVENTS)
                recipe = self.variant.of(planned)
                if self._context is not None and self._context.instance is not None and self._context.run is not None:
                    hold_to_one_recipe(self._context.instance, self._context.run.run_id, recipe)
                claim(lake, recipe.name)
                self._lake, self._begun = lake, recipe
        return self._lake, self._begun


@contextmanager
def _errors_for_people() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        told = machine_error(error) or error
        if not isinstance(told, UserError):
            raise
        raise dg.Failure(description=str(told), allow_retries=False) from None
