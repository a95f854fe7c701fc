"""A shard that is made again keeps the time at which a row was first refused by that answer."""

from datetime import UTC, datetime
from typing import Any

import polars as pl

from unicorn_assets.assets.shard_work import _with_first_times
from unicorn_assets.lake.schemas import polars_schema

THEN, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def rows(at: datetime, **request_hashes: str | None) -> pl.DataFrame:
    made: list[dict[str, Any]] = [
        {"stage": "x", "row_id": row, "reason": "r", "detail": "", "raw_answer": "", "attempts": 1,
         "request_hash": key, "at": at}
        for row, key in request_hashes.items()
    ]  # fmt: skip
    return pl.DataFrame(made, schema=polars_schema("quarantine"))


def test_only_new_refusals_have_the_new_time() -> None:
    before, now = rows(THEN, a="1", b="2", n=None, gone="9"), rows(NOW, n=None, b="3", a="1", new="4")
    kept = _with_first_times(now, before)
    assert kept.drop("at").equals(now.drop("at"))
    assert dict(zip(kept["row_id"], kept["at"], strict=True)) == {"n": THEN, "b": NOW, "a": THEN, "new": NOW}
    assert _with_first_times(now, None).equals(now)
