"""The ledger's view: every making is a row, on disk and on S3."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from unicorn_assets.lake.browse import browse
from unicorn_assets.lake.ledger import keep_shard_run
from unicorn_assets.lake.store import Lake

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def making(shard: str, number: int, cost: float | None, **figures: Any) -> dict[str, Any]:
    started = START + timedelta(hours=number)
    known = {
        "asset": "caption_drafts",
        "shard": shard,
        "state": "finished",
        "model": "m",
        "calls": 0,
        "from_journal": 0,
    }
    return {**known, "started": started, "ended": started, "cost_usd": cost, "unknown key": 1, **figures}


def test_every_making_keeps_its_row(lake: Lake) -> None:
    keep_shard_run(lake, making("a-00000", 0, 0.5, calls=10))
    keep_shard_run(lake, making("a-00000", 1, 0.0, from_journal=10))
    keep_shard_run(lake, making("a-00001", 2, 0.25, calls=5))
    keep_shard_run(lake, making("a-00000", 3, None, asset="multiple_choice", calls=1))
    found = browse(lake, "select asset, count(*) as n, sum(cost_usd) as usd from ledger group by asset order by 1", 10)
    assert found.rows() == [("caption_drafts", 3, 0.75), ("multiple_choice", 1, None)]
    rows = browse(lake, "ledger", 10, "shard = 'a-00000' AND asset = 'caption_drafts'").sort("started").to_dicts()
    assert [(row["calls"], row["from_journal"], row["started"].hour) for row in rows] == [(10, 0, 12), (0, 10, 13)]


def test_a_making_that_was_killed_is_known_from_the_books(lake: Lake) -> None:
    keep_shard_run(lake, making("a-00000", 0, 0.5, calls=10))
    done = making("a-00000", 0, 0.5, calls=10)
    killed = making("a-00001", 1, 0.125, calls=4)
    for name, row in (("one", done), ("two", killed), ("three", None)):
        text = json.dumps({"name": name, "making": row}, default=str)
        lake.files.write(f"ledger/spend/{name}.json", text.encode())
    found = browse(lake, "select shard, state, calls, cost_usd from ledger order by shard", 10)
    assert found.rows() == [("a-00000", "finished", 10, 0.5), ("a-00001", "unfinished", 4, 0.125)]
