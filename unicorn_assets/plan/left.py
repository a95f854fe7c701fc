"""What is left to ask: rows of shards that are not current and whose answers are not in the journal."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from unicorn_assets.captions.accept import accept_captions
from unicorn_assets.captions.stage import draft_captions
from unicorn_assets.captions.stage import version as captions_version
from unicorn_assets.generation.asking import Ask, Asker
from unicorn_assets.generation.replay import all_answered
from unicorn_assets.instructions.stage import version as task_version
from unicorn_assets.instructions.stage import write_pairs
from unicorn_assets.lake.redrives import Redrives
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import Lake, Made, content_hash
from unicorn_assets.llm.row import Draftable
from unicorn_assets.recipe import TASKS, Recipe
from unicorn_assets.seeds.catalog import build_catalog, seeds_of, shards_of
from unicorn_assets.seeds.catalog import version as seeds_version
from unicorn_assets.seeds.sources import sources_fingerprint

PROBED = 20_000
"""Most rows that are looked up in the journal one by one; beyond that an even part of them stands for all."""

STAGES = ("caption_drafts", *TASKS)


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
    """What a run has to do. `catalog` has all seeds, `left` the rows of each stage; those of stage 2 only where the
    captions are known by now.
    """

    catalog: pl.DataFrame
    left: dict[str, Left] = field(default_factory=dict)


def look(recipe: Recipe, lake: Lake, asker: Asker) -> Work:
    """Read the sources (or the catalog, if it is current), the shards' footers and the journal. Asks nothing."""
    work = Work(_catalog(recipe, lake))
    stale = [shard for shard in shards_of(work.catalog) if not _drafts_current(recipe, lake, work.catalog, shard)]
    total = work.catalog.height
    todo = work.catalog.filter(pl.col("shard").is_in(stale))
    probe = todo.gather_every(max(1, -(-todo.height // PROBED)))
    is_answered = _answered(_rows(lambda ask: draft_captions(probe, recipe, ask)), recipe, asker)
    scale = todo.height / max(probe.height, 1)
    answered = round(sum(is_answered) * scale)
    work.left["caption_drafts"] = Left(total, total - todo.height, answered, todo.height - answered)
    known = _captions(probe.filter(pl.Series(is_answered, dtype=pl.Boolean)), recipe, asker)
    for task in TASKS:
        work.left[task] = _task_left(task, recipe, lake, asker, work.catalog, set(stale), known, scale)
    return work


def _catalog(recipe: Recipe, lake: Lake) -> pl.DataFrame:
    made = Made(recipe.name, seeds_version(recipe), {"sources": sources_fingerprint(recipe)})
    info = lake.info("seed_catalog")
    known = lake.find("seed_catalog")
    if info is not None and known is not None and info.inputs == made.inputs:
        return known
    return build_catalog(recipe, known).catalog


def _drafts_current(recipe: Recipe, lake: Lake, catalog: pl.DataFrame, shard: str) -> bool:
    seeds, drafts = lake.info("seeds", shard), lake.info("caption_drafts", shard)
    if seeds is None or drafts is None:
        return False
    wanted = Made(recipe.name, seeds_version(recipe), {f"seed_catalog/{shard}": content_hash(seeds_of(catalog, shard))})
    granted = Redrives(lake, "caption_drafts").parents(shard)
    made = Made(recipe.name, captions_version(recipe), {f"seeds/{shard}": seeds.content, **granted})
    return seeds.inputs == wanted.inputs and drafts.inputs == made.inputs


def _task_left(
    task: str,
    recipe: Recipe,
    lake: Lake,
    asker: Asker,
    catalog: pl.DataFrame,
    stale: set[str],
    known: pl.DataFrame,
    scale: float,
) -> Left:
    """Captions of current shards are there to be counted; those of answered seeds (`known`) come from the journal."""
    found = Left(None)
    waiting = [(known, scale)]
    for shard in shards_of(catalog):
        captions = lake.info("captions", shard) if shard not in stale else None
        kept = lake.find("captions", shard) if captions is not None else None
        if captions is None or kept is None:
            continue
        chosen = kept.filter(pl.col("task") == task)
        granted = Redrives(lake, task).parents(shard)
        made = Made(recipe.name, task_version(recipe, task), {f"captions/{shard}": captions.content, **granted})
        info = lake.info(task, shard)
        if info is not None and info.inputs == made.inputs:
            found.current += chosen.height
        else:
            waiting.append((chosen, 1.0))
    for frame, factor in waiting:
        rows = _rows(lambda ask, frame=frame: write_pairs(task, frame, recipe, ask))  # type: ignore[misc]
        answered = sum(_answered(rows, recipe, asker))
        found.answered += round(answered * factor)
        found.rest += round((len(rows) - answered) * factor)
    return found


def _captions(seeds: pl.DataFrame, recipe: Recipe, asker: Asker) -> pl.DataFrame:
    """The captions of seeds whose answers are all in the journal."""
    ask, _ = asker.asking(lambda _: None)
    # Without the rounds of `accept`, whose further drafts nobody has asked for yet.
    plain = recipe.model_copy(update={"captions": recipe.captions.model_copy(update={"accept": None})})
    drafts, _ = draft_captions(seeds, plain, ask)
    return accepted(drafts, seeds, recipe)


def accepted(drafts: pl.DataFrame, seeds: pl.DataFrame, recipe: Recipe) -> pl.DataFrame:
    """Captions as they will be, but for near duplicates, which only all drafts together can tell."""
    none = pl.DataFrame(schema=polars_schema("near_duplicates"))
    return accept_captions(drafts, seeds, none, recipe)[0]


def _answered(rows: list[Draftable[Any]], recipe: Recipe, asker: Asker) -> list[bool]:
    if not len(asker.journal):
        return [False] * len(rows)
    model, revision = asker.endpoint.model, asker.endpoint.revision
    return [all_answered([row], asker.journal, model, revision, recipe.llm) for row in rows]


class _Caught(Exception):  # noqa: N818 - no error: the stage has shown what it would ask
    pass


def _rows(stage: Callable[[Ask], Any]) -> list[Draftable[Any]]:
    """The rows that a stage asks about first."""
    caught: list[Draftable[Any]] = []

    def ask(rows: Iterable[Draftable[Any]]) -> Iterator[Any]:
        caught.extend(rows)
        raise _Caught

    with contextlib.suppress(_Caught):
        stage(ask)
    return caught


def first_rows(seeds: pl.DataFrame, recipe: Recipe) -> list[Draftable[Any]]:
    """What stage 1 asks about `seeds`."""
    return _rows(lambda ask: draft_captions(seeds, recipe, ask))


def task_rows(task: str, captions: pl.DataFrame, recipe: Recipe) -> list[Draftable[Any]]:
    """What `task` asks first about `captions`."""
    return _rows(lambda ask: write_pairs(task, captions, recipe, ask))
