"""The table `ledger`: one row per making of a shard, kept for ever; a shard that is made twice has two rows.

One Parquet file per asset and shard, `tables/ledger/<asset>/<shard>.parquet`. A making that is under way, or was
killed, is known from the process's record in `ledger/spend/` only. Here: keeping and reading rows. Not here: counting
(llm/spend/ledger.py), or what a budget allows (llm/spend/budget.py).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import Lake, Made

LEDGER = "ledger"
_SPEND = "ledger/spend"


def keep_shard_run(lake: Lake, row: Mapping[str, Any], made: Made | None = None) -> None:
    """Add the row of one making (the columns of `ledger`; others are left out)."""
    name, shard = f"{LEDGER}/{row['asset']}", str(row["shard"])
    schema = polars_schema(LEDGER)
    fresh = pl.DataFrame([{column: row.get(column) for column in schema}], schema=schema)
    before = lake.find(name, shard)
    lake.write(name, shard, fresh if before is None else pl.concat([before, fresh], how="diagonal"), made or Made())


def unfinished(lake: Lake) -> pl.DataFrame:
    """Rows of makings that are under way in some process, or whose process was killed; state `unfinished`."""
    schema = polars_schema(LEDGER)
    rows = []
    for file in lake.files.names(_SPEND, ".json"):
        try:
            record = json.loads(lake.files.read(f"{_SPEND}/{file}"))
        except FileNotFoundError:  # merged just now: it was closed
            continue
        except (ValueError, IsADirectoryError):  # damaged: the books tell of it
            continue
        found = record.get("making") if isinstance(record, dict) else None
        for making in [found] if isinstance(found, dict) else found or ():  # one alone: a record of an older version
            times = {key: datetime.fromisoformat(making[key]) for key in ("started", "ended")}
            rows.append({column: making.get(column) for column in schema} | times | {"state": "unfinished"})
    return pl.DataFrame(rows, schema=schema)
