"""What the search for near duplicates keeps and believes: signatures of each shard, what it found the last time."""

from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from unicorn_assets.captions import repeats
from unicorn_assets.captions.repeats import TABLE, compare
from unicorn_assets.curation.near_duplicates import version
from unicorn_assets.lake.signatures import FOLDER
from unicorn_assets.lake.store import ALL, Lake, Made, ShardInfo
from unicorn_assets_tests.small_lake import SHARDS, fill, small_recipe

RECIPE = small_recipe()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return fill(Lake(str(tmp_path), mends=True), rows=6)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts were hashed, shard by shard."""
    counts: list[int] = []

    def counting(texts: Any, size: int) -> Any:
        counts.append(len(texts))
        return made(texts, size)

    made = repeats.signatures
    monkeypatch.setattr(repeats, "signatures", counting)
    return counts


def search(lake: Lake, shards: list[str], last: ShardInfo | None = None, recipe: Any = RECIPE) -> ShardInfo:
    infos = {shard: info for shard in shards if (info := lake.info("caption_drafts", shard)) is not None}
    frame, figures = compare(lake, recipe, infos, last)
    parents = {f"caption_drafts/{shard}": info.content for shard, info in infos.items()}
    return lake.write(TABLE, ALL, frame, Made(recipe.name, version(recipe), parents), figures)


def test_a_new_shard_is_hashed_and_compared_alone(lake: Lake, hashed: list[int]) -> None:
    first = search(lake, SHARDS[:-1])
    assert len(hashed) == len(SHARDS) - 1
    second = search(lake, SHARDS, first)
    assert len(hashed) == len(SHARDS)
    assert second.extra["shards known before"] == len(SHARDS) - 1
    found = lake.read(TABLE)
    assert search(lake, SHARDS[::-1]).extra["shards known before"] == 0
    assert_frame_equal(lake.read(TABLE), found)
    assert len(hashed) == len(SHARDS)  # whoever searches from scratch has the signatures all the same


def test_nothing_is_believed_of_other_drafts_rules_or_order(lake: Lake) -> None:
    first = search(lake, SHARDS)
    drafts = lake.read("caption_drafts", SHARDS[0])
    lake.write("caption_drafts", SHARDS[0], drafts.reverse(), Made("small", "edited"))
    assert search(lake, SHARDS, first).extra["shards known before"] == len(SHARDS) - 1
    strict = small_recipe(near_duplicates={"threshold": 0.9})
    assert search(lake, SHARDS, first, strict).extra["shards known before"] == 0
    sources = [source.model_dump() for source in reversed(RECIPE.sources)]
    assert search(lake, SHARDS, first, small_recipe(sources=sources)).extra["shards known before"] == 0


def test_damaged_signatures_are_told_set_aside_and_made_again(lake: Lake, hashed: list[int]) -> None:
    search(lake, SHARDS)
    name = f"{FOLDER}/{SHARDS[0]}.safetensors"
    data = bytearray(lake.files.read(name))
    data[-1] ^= 1
    lake.files.write(name, bytes(data))
    before = lake.read(TABLE)
    search(lake, SHARDS)
    assert len(hashed) == len(SHARDS) + 1
    assert_frame_equal(lake.read(TABLE), before)
    assert any(".damaged-" in each for each in lake.files.names(FOLDER))
    assert name not in lake.damaged
