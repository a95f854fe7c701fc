"""Training records of a shard, in the LLaVA shape, each with its vector.

Here: what a record holds and how it joins its embedding. Not here: writing files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.ids import rng_of
from unicorn_assets.lake.schemas import TURN
from unicorn_assets.lake.store import Lake

VECTORS = "image_embeddings"
RECORD = ("id", "caption", "conversations")
"""The keys of a JSON record; Parquet has these first and the origin of the row after them."""

# With a plain template the trainer drops this text; with a chat template it keeps the questions from being all alike.
REQUESTS = (
    "What does this picture show?",
    "Describe the scene in detail.",
    "Give a full description of this image.",
    "What can be seen here?",
    "Put the contents of the image into words.",
    "Explain what is visible in the picture.",
    "Write a detailed caption for this image.",
    "Tell me what the image contains.",
)


@dataclass(frozen=True)
class Batch:
    """Records of one shard and their vectors, row by row: `vectors` is (rows, dimension), fp16."""

    frame: pl.DataFrame
    vectors: NDArray[np.float16]


def pretrain_batch(lake: Lake, shard: str) -> Batch:
    """One record of two turns per caption: a request with <image>, and the caption."""
    captions = lake.read("captions", shard)
    requests = pl.Series(
        [f"<image>\n{request_for(caption_id)}" for caption_id in captions["caption_id"]], dtype=pl.String
    )
    frame = captions.select(
        pl.col("caption_id").alias("id"),
        pl.col("text").alias("caption"),
        pl.concat_list(_turn("human", pl.lit(requests)), _turn("gpt", pl.col("text"))).alias("conversations"),
        pl.col("seed_id", "source", "domain", "words", "model", "prompt_version", "request_hash"),
        pl.lit(shard).alias("shard"),
    )
    ids, vectors = lake.read_vectors(VECTORS, shard)
    known = set(frame["id"])
    for vector_id in ids:
        if vector_id not in known:
            raise UserError(
                f"{VECTORS} of shard {shard} has a vector for {vector_id}, which is no caption of that shard",
                f"materialize text_embeddings and {VECTORS} of {shard} again",
            )
    return Batch(frame, vectors[_rows_of(frame["id"].to_list(), ids, shard)])


def instruction_batch(lake: Lake, shard: str) -> Batch:
    """The multi-turn records, with the vectors of the captions they are about and no others."""
    instructions = lake.read("instructions", shard)
    frame = instructions.select(
        # One caption has one task, so the caption's id names the record and joins the embedding.
        pl.col("caption_id").alias("id"),
        pl.col("caption", "conversations", "instruction_id", "task", "pairs", "seed_id"),
        pl.col("model", "prompt_version", "request_hash"),
        pl.lit(shard).alias("shard"),
    )
    ids, vectors = lake.read_vectors(VECTORS, shard)
    return Batch(frame, vectors[_rows_of(frame["id"].to_list(), ids, shard)])


def request_for(caption_id: str) -> str:
    """The human turn's text, the same for a caption wherever it is computed."""
    return rng_of(caption_id, "pretrain request").choice(REQUESTS)


def json_records(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The records as the JSON file holds them: id, caption, conversations."""
    return frame.select(RECORD).to_dicts()


def _turn(role: str, value: pl.Expr) -> pl.Expr:
    return pl.struct(pl.lit(role).alias("from"), value.alias("value")).cast(TURN)


def _rows_of(wanted: Sequence[str], ids: Sequence[str], shard: str) -> list[int]:
    """Row of each wanted id among `ids`; a UserError names the first that is missing or there twice."""
    row_of = {vector_id: row for row, vector_id in enumerate(ids)}
    again = f"materialize text_embeddings and {VECTORS} of {shard} again"
    if len(row_of) < len(ids):
        twice = next(vector_id for row, vector_id in enumerate(ids) if row_of[vector_id] != row)
        raise UserError(f"{VECTORS} of shard {shard} has two vectors for {twice}", again)
    for caption_id in wanted:
        if caption_id not in row_of:
            raise UserError(f"{VECTORS} of shard {shard} has no vector for caption {caption_id}", again)
    return [row_of[caption_id] for caption_id in wanted]
