"""Which shard a seed belongs to. A seed never moves; new seeds fill the last shard of their source, then open new ones.

A shard's key is `<source>-<00000>`. Seeds that vanish leave holes: filling them in early shards would make finished
shards stale for nothing.
"""

import polars as pl


def assign_shards(seeds: pl.DataFrame, known: list[str], shard_rows: int) -> pl.DataFrame:
    """`seeds` with every `shard` filled in.

    seeds: columns source and shard; shard is null for new seeds, which are placed in row order.
    known: all shard keys there have been, also empty ones.
    """
    new = pl.col("shard").is_null()
    # Position of a new seed among the new seeds of its source; first those that the last shard has room for.
    place = new.cast(pl.Int64).cum_sum().over("source") - 1
    beyond = place - pl.col("room")
    index = pl.when(beyond < 0).then(pl.col("last")).otherwise(pl.col("last") + 1 + beyond // shard_rows)
    key = pl.concat_str("source", pl.lit("-"), index.cast(pl.String).str.zfill(5))
    ends = _ends(seeds, known, shard_rows)
    return (
        seeds.join(ends, on="source", how="left", maintain_order="left")
        .with_columns(pl.col("last").fill_null(-1), pl.col("room").fill_null(0))
        .with_columns(shard=pl.when(new).then(key).otherwise("shard"))
        .drop("last", "room")
    )


def _ends(seeds: pl.DataFrame, known: list[str], shard_rows: int) -> pl.DataFrame:
    """Per source: number of its last shard, and how many seeds that shard has room for."""
    full = seeds.drop_nulls("shard").group_by("shard").agg(held=pl.len().cast(pl.Int64))
    keys = pl.DataFrame({"shard": known}, schema={"shard": pl.String}).join(full, on="shard", how="left")
    parts = pl.col("shard").str.extract_groups(r"^(?<source>.+)-(?<last>\d+)$")
    return (
        keys.with_columns(parts.alias("parts"))
        .unnest("parts")
        .with_columns(
            pl.col("last").cast(pl.Int64),
            # A shard may hold more than shard_rows, when the recipe has lowered it since.
            room=(shard_rows - pl.col("held").fill_null(0)).clip(lower_bound=0),
        )
        .sort("last")
        .group_by("source", maintain_order=True)
        .agg(pl.col("last").last(), pl.col("room").last())
    )
