"""The one maker of quarantine rows. Not here: counting and showing them (quarantine.py), or why a row is refused."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.text import storable_in

MOST_RAW = 4000
"""Characters of an answer, or of a source's text, that the quarantine keeps."""


def quarantine_rows(
    stage: str, rows: pl.DataFrame | Sequence[Mapping[str, Any]], at: datetime | None = None
) -> pl.DataFrame:
    """Rows that `stage` refused at `at` (now) with all columns of `quarantine`.

    Each needs row_id, reason, detail and raw_answer; parent_id, attempts, model and request_hash as far as there are
    any. Every text is made `storable`, and `raw_answer` is cut to MOST_RAW characters.
    """
    schema = polars_schema("quarantine")
    if not isinstance(rows, pl.DataFrame):
        cut = [{**row, "raw_answer": row["raw_answer"][:MOST_RAW]} for row in rows]
        rows = pl.DataFrame(storable_in(cut), schema=schema, orient="row")
    missing = {name: pl.lit(None) for name in schema if name not in rows.columns}
    return rows.with_columns(**missing).with_columns(
        stage=pl.lit(stage),
        raw_answer=pl.col("raw_answer").cast(pl.String).str.head(MOST_RAW),
        attempts=pl.col("attempts").fill_null(0),
        at=pl.lit(at or datetime.now(UTC)),
    ).select(pl.col(name).cast(dtype) for name, dtype in schema.items())  # fmt: skip
