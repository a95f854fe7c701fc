from pathlib import Path

import pytest

from unicorn_assets.graph import REFUSING
from unicorn_assets.lake.query import connect
from unicorn_assets.lake.schemas import TABLES
from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.small_lake import SHARDS, fill


def test_every_table_of_an_empty_lake_is_an_empty_view(lake: Lake) -> None:
    with connect(lake, tables=tuple(TABLES)) as sql:
        for table, columns in TABLES.items():
            shown = sql.execute(f"SELECT * FROM {table}")
            assert {column[0] for column in shown.description} == {*columns, "shard"}
            assert shown.fetchall() == []


def test_views_have_the_same_columns_with_and_without_rows(disk_lake: Lake, tmp_path: Path) -> None:
    filled = fill(Lake(str(tmp_path / "filled")))
    every = tuple(TABLES)
    with connect(disk_lake, tables=every) as empty, connect(filled, tables=every) as full:
        for table in TABLES:
            shown = [
                [(c[0], str(c[1])) for c in sql.execute(f"SELECT * FROM {table}").description] for sql in (empty, full)
            ]
            assert shown[0] == shown[1], table


def test_rows_of_all_shards_with_their_shard(lake: Lake) -> None:
    fill(lake)
    with connect(lake) as sql:
        counted = dict(sql.execute("SELECT shard, count(*) FROM captions GROUP BY shard").fetchall())
        assert counted == dict.fromkeys(SHARDS, 2)
        assert sql.execute("SELECT count(DISTINCT seed_id) FROM seed_catalog").fetchone() == (12,)
        unjoined = "SELECT * FROM captions ANTI JOIN seeds USING (seed_id, shard)"
        assert sql.execute(unjoined).fetchall() == []


def test_shards_can_be_chosen_per_table(lake: Lake) -> None:
    fill(lake)
    chosen = {"captions": [SHARDS[1], "never-made-00000"], "caption_drafts": [SHARDS[0]], "instructions": []}
    with connect(lake, chosen) as sql:
        assert sql.execute("SELECT DISTINCT shard FROM captions").fetchall() == [(SHARDS[1],)]
        assert sql.execute("SELECT count(*) FROM instructions").fetchone() == (0,)
        assert sql.execute("SELECT count(DISTINCT shard) FROM seeds").fetchone() == (3,)
        quarantined = sql.execute("SELECT shard, stage FROM quarantine ORDER BY ALL").fetchall()
    assert (SHARDS[0], "caption_drafts") in quarantined
    assert (SHARDS[2], "caption_drafts") not in quarantined


def test_quarantine_unites_the_stages(lake: Lake) -> None:
    fill(lake)
    with connect(lake) as sql:
        query = "SELECT stage, reason, count(*) FROM quarantine GROUP BY ALL ORDER BY ALL"
        assert sql.execute(query).fetchall() == [("caption_drafts", "too_short", 3), ("captions", "near_duplicate", 3)]


def test_every_quarantine_that_a_stage_may_write_is_shown(disk_lake: Lake) -> None:
    row = fill(disk_lake).read("quarantine/captions", SHARDS[0])
    for stage in REFUSING:
        disk_lake.write(f"quarantine/{stage}", "x-00000", row, (disk_lake.info("captions", SHARDS[0])).made)
    with connect(disk_lake) as sql:
        assert sql.execute("SELECT count(*) FROM quarantine WHERE shard = 'x-00000'").fetchone() == (len(REFUSING),)


@pytest.mark.parametrize("name", ["it's", "a[b]c", "star*", "what?", "two words"])
def test_signs_in_the_lake_s_path_stand_for_themselves(tmp_path: Path, name: str) -> None:
    fill(Lake(str(tmp_path / "ab")))
    lake = fill(Lake(str(tmp_path / name)), SHARDS[:1])
    with connect(lake) as sql:
        assert sql.execute("SELECT count(*) FROM captions").fetchone() == (2,)
