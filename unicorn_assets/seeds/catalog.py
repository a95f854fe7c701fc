"""The seed catalog: one table of all seeds of all sources, each text once, each with its shard.

`build_catalog` is pure but for reading the sources; storing the result is the caller's part.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from unicorn_assets.ids import digest
from unicorn_assets.lake.quarantine_rows import quarantine_rows
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import Made, content_hash
from unicorn_assets.logic import logic_of
from unicorn_assets.recipe import Recipe
from unicorn_assets.seeds.intake import STAGE, Intake
from unicorn_assets.seeds.listing import sources_fingerprint
from unicorn_assets.seeds.shards import assign_shards


@dataclass(frozen=True)
class CatalogResult:
    """A catalog, what was refused on the way, and what changed.

    catalog: columns of `seed_catalog`, by shard, then in order of first appearance.
    quarantine: columns of `quarantine`, stage seed_catalog.
    counts: per source, `read` rows, `seeds` kept, and refused rows by reason; read = seeds + refused.
    added, removed: seeds that the previous catalog did not have, and those that only it had.
    changes: the same by file, as (added, removed), for files with any.
    """

    catalog: pl.DataFrame
    quarantine: pl.DataFrame
    counts: dict[str, dict[str, int]]
    added: int
    removed: int
    changes: dict[str, tuple[int, int]]


def build_catalog(
    recipe: Recipe, previous: pl.DataFrame | None, on_progress: Callable[[int], None] | None = None
) -> CatalogResult:
    """Read all sources. Seeds of `previous` keep their shards, new ones fill the last shard of their source.

    on_progress: called with the number of rows read since the last call.
    Raises UserError for what only the user can mend: a file that is missing, empty, binary or in another encoding.
    """
    intake = Intake(recipe.seeds, on_progress)
    before = pl.DataFrame(schema=polars_schema("seed_catalog")) if previous is None else previous
    for source in recipe.sources:
        known = before.filter(pl.col("source") == source.name)["file"].value_counts()
        intake.take(recipe, source, dict(known.iter_rows()))
    rows, refused = intake.tables()
    seeds, repeated = _each_once(rows, before)
    for name, times in repeated["source"].value_counts().iter_rows():
        intake.counts[name]["seeds"] -= times
        intake.counts[name]["duplicate_seed"] += times
    placed = assign_shards(seeds, before["shard"].unique().to_list(), recipe.shard_rows)
    stayed = placed.join(before, on="seed_id", how="semi").height
    return CatalogResult(
        catalog=placed.sort("shard", "order").select(*polars_schema("seed_catalog")),
        quarantine=pl.concat([refused, quarantine_rows(STAGE, repeated.drop("source"), intake.at)]),
        counts={name: dict(count) for name, count in intake.counts.items()},
        added=placed.height - stayed,
        removed=before.height - stayed,
        changes=_changes(placed, before),
    )


def catalog_made(recipe: Recipe) -> Made:
    """What a catalog of the sources as they are now is made of."""
    return Made(recipe.name, version(recipe), {"sources": sources_fingerprint(recipe)})


def seeds_made(recipe: Recipe, seeds: pl.DataFrame, shard: str) -> Made:
    """What a shard with these seeds is made of: its own rows only, so that a growing source leaves others current."""
    return Made(recipe.name, version(recipe), {f"seed_catalog/{shard}": content_hash(seeds)})


def shards_of(catalog: pl.DataFrame) -> list[str]:
    """The partition keys of a catalog, sorted."""
    return catalog["shard"].unique().sort().to_list()


def seeds_of(catalog: pl.DataFrame, shard: str) -> pl.DataFrame:
    """The seeds of one shard (columns of `seeds`), in order."""
    return catalog.filter(pl.col("shard") == shard).select(*polars_schema("seeds"))


def version(recipe: Recipe) -> str:
    """Code version of the catalog: the recipe's part in it and this room's logic, not the content of files."""
    return digest([recipe.section_hash("sources", "seeds", "shard_rows"), logic_of(__name__)], 8)


def _changes(placed: pl.DataFrame, before: pl.DataFrame) -> dict[str, tuple[int, int]]:
    added = dict(placed.join(before, on="seed_id", how="anti")["file"].value_counts().iter_rows())
    removed = dict(before.join(placed, on="seed_id", how="anti")["file"].value_counts().iter_rows())
    return {file: (added.get(file, 0), removed.get(file, 0)) for file in sorted(added.keys() | removed.keys())}


def _each_once(rows: pl.DataFrame, before: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Seeds with `order` and their shard so far (null for new ones), and the repeats as refused rows with source.

    The first of equal texts is kept; but a seed stays with the source and the file it had, so that a new file that
    repeats old texts changes nothing about them.
    """
    rows = rows.with_row_index("order").join(
        before.select("seed_id", "shard", was="source", lay="file"), on="seed_id", how="left", maintain_order="left"
    )
    elsewhere = (pl.col("source") != pl.col("was")).fill_null(False)
    moved = (pl.col("file") != pl.col("lay")).fill_null(False)
    kept = (
        rows.select("seed_id", "order", "file", "row", elsewhere=elsewhere, moved=moved)
        .sort("elsewhere", "moved", "order")
        .unique("seed_id", keep="first", maintain_order=True)
    )
    seeds = rows.join(kept, on="order", how="semi").sort("order")
    repeats = rows.join(kept, on="order", how="anti").join(
        kept, on="seed_id", how="left", suffix="_kept", maintain_order="left"
    )
    refused = repeats.select(
        "source",
        row_id=pl.format("{}:{}", "file", "row"),
        parent_id="seed_id",
        reason=pl.lit("duplicate_seed"),
        detail=pl.format("same text as {}:{}", "file_kept", "row_kept"),
        raw_answer="text",
    )
    return seeds, refused
