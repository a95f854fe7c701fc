"""Counting what was refused, and granting further drafts, on disk and on S3."""

import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.lake.quarantine import Chosen, redrive, rows_of, summary
from unicorn_assets.lake.redrives import Redrives, grant
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets_tests.small_lake import SHARDS, fill

STAGE = "caption_drafts"


def made_with(lake: Lake, shard: str) -> None:
    """The shard as a run would leave it."""
    parents = {"seeds/x": "0", **Redrives(lake, STAGE).parents(shard)}
    lake.write(STAGE, shard, lake.read(STAGE, shard), Made("r", "v", parents))


def test_groups_have_counts_shares_and_an_example(lake: Lake) -> None:
    groups = summary(fill(lake))
    assert [(g.stage, g.reason, g.rows, g.can_retry) for g in groups] == [
        ("caption_drafts", "too_short", 3, True),
        ("captions", "near_duplicate", 3, False),
    ]
    assert [g.share for g in groups] == [3 / 12, 3 / 9]
    first = rows_of(lake, 1, STAGE).row(0, named=True)
    assert (groups[0].example_id, groups[0].example_detail) == (first["row_id"], first["detail"])
    assert "threshold" in groups[1].instead
    assert [g.reason for g in summary(lake, reason="too_short")] == ["too_short"]
    assert summary(lake, "instructions") == []


def test_rows_show_answer_attempts_model_and_time(disk_lake: Lake) -> None:
    frame = rows_of(fill(disk_lake), 10, STAGE, "too_short", SHARDS[1])
    (row,) = frame.to_dicts()
    assert (row["shard"], row["raw_answer"], row["attempts"], row["at"].year) == (SHARDS[1], "A bird sits.", 3, 2026)
    assert rows_of(disk_lake, 2).height == 2


def test_grants_add_up_and_make_only_their_shards_stale(lake: Lake) -> None:
    fill(lake)
    assert redrive(lake, STAGE, "too_short", SHARDS[0], 2) == [Chosen(STAGE, SHARDS[0], 1)]
    (row_id,) = rows_of(lake, 9, STAGE, None, SHARDS[0])["row_id"]
    grants = Redrives(lake, STAGE)
    assert grants.rows(SHARDS[0]) == {row_id: 2}
    assert grants.parents(SHARDS[1]) == {}
    # Said again before a run has used it, it is the same grant; after that it is one more.
    redrive(lake, STAGE, None, SHARDS[0], 3)
    assert Redrives(lake, STAGE).rows(SHARDS[0]) == {row_id: 3}
    before = Redrives(lake, STAGE).parents(SHARDS[0])
    made_with(lake, SHARDS[0])
    redrive(lake, None, "too_short", SHARDS[0], 2)
    assert Redrives(lake, STAGE).rows(SHARDS[0]) == {row_id: 5}
    assert Redrives(lake, STAGE).parents(SHARDS[0]).keys() == before.keys()
    assert Redrives(lake, STAGE).parents(SHARDS[0]) != before
    assert grants.rows(SHARDS[0]) == {row_id: 2}  # what was read for a making stays


MISTAKES = {
    "say which rows": (None, None),
    "did you mean caption_drafts": ("caption_draft", None),
    "did you mean too_short": (STAGE, "to_short"),
    "near_duplicates.threshold": ("captions", None),
    "`near_duplicates.threshold` in": (None, "near_duplicate"),
    "accept.exact": (None, "surplus"),
    "no row of shard": (STAGE, None),
}


@pytest.mark.parametrize("words", MISTAKES)
def test_what_cannot_be_asked_again_says_why(words: str, disk_lake: Lake) -> None:
    stage, reason = MISTAKES[words]
    with pytest.raises(UserError) as refused:
        redrive(fill(disk_lake), stage, reason, "birds-00009" if words == "no row of shard" else None, 2)
    assert words in str(refused.value)
    assert disk_lake.files.walk("redrives") == []


def test_a_damaged_grant_is_named(disk_lake: Lake) -> None:
    grant(disk_lake, STAGE, SHARDS[0], ["s1"], 2)
    disk_lake.files.write(f"redrives/{STAGE}/{SHARDS[0]}.json", b"{")
    with pytest.raises(UserError, match="remove it"):
        Redrives(disk_lake, STAGE).rows(SHARDS[0])
