"""The LLM as a Dagster resource: what it opens (journal, server, account) is closed with the run.

A shard whose answers are all in the journal starts no server.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import dagster as dg
from pydantic import PrivateAttr

from unicorn_assets.errors import UserError
from unicorn_assets.generation.asking import Asker
from unicorn_assets.generation.rounds import Ask
from unicorn_assets.generation.side_by_side import Result, Unit, one_by_one, side_by_side
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.journal import Damage
from unicorn_assets.llm.spend.ledger import Ledger, ShardRun
from unicorn_assets.progress import StageProgress
from unicorn_assets.resources.ceiling import under_ceiling
from unicorn_assets.resources.loaded import loaded
from unicorn_assets.resources.observing import EVENTS
from unicorn_assets.resources.progress_observer import ProgressObserver
from unicorn_assets.resources.variant import RecipeResource

T = TypeVar("T")


class LlmResource(dg.ConfigurableResource):
    """Asks the model that the recipe names, and keeps every answer in the lake's journal."""

    recipe: str
    variant: RecipeResource
    lake_url: str
    logs: str
    _asker: Asker | None = PrivateAttr(default=None)
    _refused: UserError | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["LlmResource"]:
        """Hand out the resource; whatever it opened ends with the run, well or not. The run's log says what of the
        journal is damaged, whichever process the run is in.
        """
        try:
            recipe, lake = self.variant.of(loaded(self.recipe)), Lake(self.lake_url)
            settings = under_ceiling(recipe.llm, context.run.tags if context.run else {})
        except UserError as error:  # a step tells it in one line, which an error of a resource is not
            self._refused = error
            yield self
            return
        log = context.log or dg.get_dagster_logger()
        asker = Asker(
            settings, lake.url, lake.files, Path(self.logs), recipe.folder, lake.storage_options, EVENTS
        )  # fmt: skip
        with EVENTS.heard(Damage, lambda damage: log.warning(str(damage))), asker:
            self._asker = asker
            yield self

    def each(self, units: Sequence[Unit], work: Callable[[Unit], T]) -> Generator[tuple[Unit, Result[T]]]:
        """Shards with their results as they come; several are made at the same time, in threads."""
        if self._asker is None:
            return one_by_one(units, work)
        return side_by_side(self._asker, units, work)

    def asking(self, stage: StageProgress, run: ShardRun, rank: int = 0) -> tuple[Ask, Ledger]:
        """A function that takes rows and gives their outcomes, and the ledger that counts what that costs `run`.

        `stage` is told of each row that is done, of each fresh answer's tokens, and where to read what is in flight.
        Of shards that are made at the same time the one with the lowest `rank` goes first.
        """
        if self._refused is not None:
            raise self._refused
        assert self._asker is not None, "Dagster opens the resource before an asset uses it"
        return self._asker.asking(ProgressObserver(stage, self._asker).listen, run, rank)
