"""What is left to ask: rows of shards that are not current and whose answers are not in the journal."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from unicorn_assets.captions.accept import accept_captions
from unicorn_assets.errors import UserError
from unicorn_assets.generation.asking import Asker
from unicorn_assets.generation.replay import all_answered, stored
from unicorn_assets.generation.stage import Stage
from unicorn_assets.lake.redrives import Redrives
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.row import Quarantined
from unicorn_assets.plan.drift import Drifting
from unicorn_assets.recipe import Recipe
from unicorn_assets.seeds.catalog import build_catalog, catalog_made, seeds_made, seeds_of, shards_of
from unicorn_assets.stages import stages

PROBED = 20_000
"""Most rows that are looked up in the journal one by one; beyond that an even part of them stands for all."""


@dataclass
class Left:
    """Rows of one stage: `rows` in all (None when that depends on answers to come), those of `current` shards, those
    `answered` in the journal, and the `rest`, which has to be asked.
    """

    rows: int | None
    current: int = 0
    answered: int = 0
    rest: int = 0


@dataclass
class Work:
    """What a run has to do. `catalog` has the seeds, `unread` counts those of sources that are not there yet, `stages`
    are those that ask, `left` the rows of each; rows about captions only where the captions are known by now.
    """

    catalog: pl.DataFrame
    stages: Mapping[str, Stage]
    left: dict[str, Left] = field(default_factory=dict)
    unread: int = 0

    @property
    def seeds(self) -> int:
        """Of all sources, with those that are not read."""
        return self.catalog.height + self.unread

    @property
    def drafts(self) -> Stage:
        """The stage that asks about seeds."""
        return next(stage for stage in self.stages.values() if stage.parent == "seeds")

    @property
    def tasks(self) -> list[Stage]:
        """The stages that ask about captions."""
        return [stage for stage in self.stages.values() if stage.parent == "captions"]


def look(recipe: Recipe, lake: Lake, asker: Asker, drifting: Drifting, given: Mapping[str, int] | None = None) -> Work:
    """Read the sources (or the catalog, if it is current), the shards' footers and the journal. Asks nothing.

    Captions that `drifting` refuses are not counted. `given` says how many seeds the sources of these names have: they
    are not read, and all are left to ask.
    """
    work = Work(_catalog(_without(recipe, given or {}), lake), stages(recipe), unread=sum((given or {}).values()))
    is_answered = partial(_in_journal, recipe, asker)
    drafts, catalog = work.drafts, work.catalog
    current = {shard for shard in shards_of(catalog) if _drafts_current(drafts, recipe, lake, catalog, shard)}
    todo = catalog.filter(~pl.col("shard").is_in(list(current)))
    probe = todo.gather_every(max(1, -(-todo.height // PROBED)))
    scale = todo.height / max(probe.height, 1)
    known = is_answered(drafts, probe)
    answered = round(sum(known) * scale)
    rest = todo.height - answered + work.unread
    work.left[drafts.name] = Left(work.seeds, catalog.height - todo.height, answered, rest)
    seeds = probe.filter(pl.Series(known, dtype=pl.Boolean))
    captions, stands_for = drifting.part(_captions(drafts, seeds, recipe, asker))
    captions, scale = drifting.kept(captions, seeds), scale * stands_for
    for task in work.tasks:
        found, waiting = _of_shards(task, recipe, lake, current)
        for frame, factor in [(captions, scale), *((frame, 1.0) for frame in waiting)]:
            known = is_answered(task, frame)
            found.answered += round(sum(known) * factor)
            found.rest += round((len(known) - sum(known)) * factor)
        work.left[task.name] = found
    return work


def _without(recipe: Recipe, given: Mapping[str, int]) -> Recipe:
    """The recipe with the sources that can be read."""
    names = [source.name for source in recipe.sources]
    if unknown := sorted(given.keys() - set(names)):
        raise UserError(f"the recipe has no source {unknown[0]!r}", f"its sources: {', '.join(names)}")
    kept = [source for source in recipe.sources if source.name not in given]
    if not kept:
        raise UserError("every source's rows are given by hand: no seed is left to look at", "leave one to be read")
    return recipe.model_copy(update={"sources": kept}) if given else recipe


def _catalog(recipe: Recipe, lake: Lake) -> pl.DataFrame:
    info, known = lake.info("seed_catalog"), lake.find("seed_catalog")
    if info is not None and known is not None and info.inputs == catalog_made(recipe).inputs:
        return known
    return build_catalog(recipe, known).catalog


def _drafts_current(drafts: Stage, recipe: Recipe, lake: Lake, catalog: pl.DataFrame, shard: str) -> bool:
    seeds = lake.info("seeds", shard)
    wanted = seeds_made(recipe, seeds_of(catalog, shard), shard)
    return seeds is not None and seeds.inputs == wanted.inputs and _is_current(drafts, recipe, lake, shard)


def _is_current(stage: Stage, recipe: Recipe, lake: Lake, shard: str) -> bool:
    info = lake.info(stage.name, shard)
    made = stage.made_from(recipe, lake, shard, Redrives(lake, stage.name))
    return info is not None and made is not None and info.inputs == made.inputs


def _of_shards(task: Stage, recipe: Recipe, lake: Lake, current: set[str]) -> tuple[Left, list[pl.DataFrame]]:
    """Rows of `task` in shards whose drafts are current: those that are done, and captions that wait for it."""
    found, waiting = Left(None), []
    for shard in sorted(current):
        captions = lake.find(task.parent, shard)
        if captions is not None and _is_current(task, recipe, lake, shard):
            found.current += task.chosen(captions).height
        elif captions is not None:
            waiting.append(captions)
    return found, waiting


def _captions(drafts: Stage, seeds: pl.DataFrame, recipe: Recipe, asker: Asker) -> pl.DataFrame:
    """The captions of seeds whose answers are all in the journal."""
    ask, _ = asker.asking(lambda _: None)
    # Without the rounds of `accept`, whose further drafts nobody has asked for yet.
    frame, _ = replace(drafts, accept=None).run(seeds, ask)
    return accepted(frame, seeds, recipe)


def accepted(drafts: pl.DataFrame, seeds: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """Captions as they will be, but for near duplicates, which only all drafts together can tell, and for drift."""
    none = pl.DataFrame(schema=polars_schema("near_duplicates"))
    return accept_captions(drafts, seeds, none, recipe)[0]


def _in_journal(recipe: Recipe, asker: Asker, stage: Stage, parents: pl.DataFrame) -> list[bool]:
    """Whether every answer that a row needs is there, of further requests too."""
    rows = stage.rows(parents)
    if not len(asker.journal):
        return [False] * len(rows)
    model, revision = asker.endpoint.model, asker.endpoint.revision
    if not stage.follow_ups:
        return [all_answered([row], asker.journal, model, revision, recipe.llm) for row in rows]
    found = stage.attempt(stored(asker.journal, model, revision, recipe.llm, beyond=asker.beyond))(rows)
    return [not (isinstance(one := found[row.row_id], Quarantined) and one.resume is None) for row in rows]
