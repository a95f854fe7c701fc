"""The frame of every asset over all shards: reused without a stage, made in one that ends whatever comes."""

from pathlib import Path

import pytest

from unicorn_assets.assets.whole_work import make_whole, there, whole_table
from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import ALL, Made, ShardInfo
from unicorn_assets.lake.verdicts import Verdict, write_verdict
from unicorn_assets.progress import LogProgress, StageProgress
from unicorn_assets_tests.lakes import SHARD, tiny_lake

MADE = Made("tiny", "v1", {"a": "1"})
INFO = ShardInfo(3, "content", MADE.inputs, MADE, {})


def test_what_was_made_of_the_same_is_reused_and_opens_no_stage() -> None:
    lines: list[str] = []
    assert make_whole(LogProgress(lines.append), "x", MADE, INFO, lambda stage: pytest.fail("made")) == (INFO, True)
    assert lines == []


@pytest.mark.parametrize("known", [None, ShardInfo(3, "content", Made("tiny", "v0").inputs, Made("tiny", "v0"), {})])
def test_what_is_missing_or_of_something_else_is_made(known: ShardInfo | None) -> None:
    lines: list[str] = []

    def make(stage: StageProgress) -> ShardInfo:
        stage.advance(3)
        return INFO

    assert make_whole(LogProgress(lines.append), "x", MADE, known, make, "vectors") == (INFO, False)
    assert [line.split(",")[0] for line in lines] == ["x: 3 vectors"]


def test_a_stage_ends_when_an_error_comes() -> None:
    lines: list[str] = []

    def make(stage: StageProgress) -> ShardInfo:
        stage.advance(2)
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        make_whole(LogProgress(lines.append), "x", MADE, None, make)
    assert [line.split(",")[0] for line in lines] == ["x: 2 rows"]


def test_a_table_whose_refused_rows_are_gone_is_not_there(tmp_path: Path) -> None:
    lake = tiny_lake().write(tmp_path)
    assert whole_table(lake, "near_duplicates") is not None
    assert whole_table(lake, "instructions") is None
    lake.write("quarantine/seed_catalog", ALL, lake.read("quarantine/caption_drafts", SHARD), MADE)
    lake.write("seed_catalog", ALL, lake.read("seed_catalog"), MADE, {"quarantined": {"too_short": 1}})
    assert whole_table(lake, "seed_catalog") is not None
    lake.files.remove(lake.path("quarantine/seed_catalog"))
    assert whole_table(lake, "seed_catalog") is None


def test_nothing_over_all_shards_is_made_without_one_that_was_lost(tmp_path: Path) -> None:
    lake = tiny_lake().write(tmp_path)
    shards = [SHARD, "tiny-00001"]
    assert list(there(lake, "captions", shards)) == [SHARD], "what nobody made yet is no loss"
    write_verdict(lake, "captions", "tiny-00001", Verdict("content"))
    with pytest.raises(UserError, match=r"captions lacks 1 of its shards: tiny-00001 \(it was there and is gone\)"):
        there(lake, "captions", shards)


def test_shards_come_in_the_order_of_their_names_and_not_of_dagsters_keys(tmp_path: Path) -> None:
    lake = tiny_lake().write(tmp_path)
    lake.write("captions", "tiny-00001", lake.read("captions", SHARD), MADE)
    assert list(there(lake, "captions", ["tiny-00001", SHARD])) == [SHARD, "tiny-00001"]
