"""What the search for near duplicates keeps and believes: signatures of each shard, what it found the last time."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from unicorn_assets.captions import repeats
from unicorn_assets.captions.repeats import TABLE, compare, version
from unicorn_assets.encoders.protocol import TextVectors
from unicorn_assets.lake.memories import MEANINGS
from unicorn_assets.lake.memories import SIGNATURES as FOLDER
from unicorn_assets.lake.store import ALL, Lake, Made, ShardInfo
from unicorn_assets_tests.small_lake import SHARDS, fill, small_recipe

RECIPE = small_recipe()
IMAGES = {"kind": "vectors", "path": "x.npy"}


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


class Reader:
    """Every third text has the same vector; texts that end in a 7 are too long for it."""

    dimension = 8

    def __init__(self) -> None:
        self.read: list[int] = []

    def embed_texts(self, texts: Any, on_progress: Any = None) -> TextVectors:
        self.read.append(len(texts))
        vectors = np.eye(8, dtype=np.float32)[[int(text.split()[1]) % 3 for text in texts]]
        if on_progress is not None:
            on_progress(len(texts))
        return TextVectors(vectors, [row for row, text in enumerate(texts) if text.endswith("7")])


def by_meaning(lake: Lake, shards: list[str], reader: Any, last: ShardInfo | None = None) -> ShardInfo:
    recipe = small_recipe(near_duplicates={"cosine": 0.9})
    infos = {shard: info for shard in shards if (info := lake.info("caption_drafts", shard)) is not None}
    frame, figures = compare(lake, recipe, infos, last, None, lambda: reader)
    parents = {f"caption_drafts/{shard}": info.content for shard, info in infos.items()}
    return lake.write(TABLE, ALL, frame, Made(recipe.name, version(recipe), parents), figures)


@pytest.fixture
def numbered(lake: Lake) -> Lake:
    """Captions of which each has other words, and a number."""
    count = iter(range(999))
    for shard in SHARDS:
        frame = lake.read("caption_drafts", shard)
        texts = [f"caption {(n := next(count))} {hex(hash(str(n * 7919)))} {n}" for _ in range(frame.height)]
        lake.write("caption_drafts", shard, frame.with_columns(text=pl.Series(texts)), Made("small", "numbered"))
    return lake


def test_captions_are_read_once_and_those_that_are_cut_off_repeat_nothing(numbered: Lake) -> None:
    reader = Reader()
    first = by_meaning(numbered, SHARDS[:-1], reader)
    second = by_meaning(numbered, SHARDS, reader, first)
    assert len(reader.read) == len(SHARDS)
    table = numbered.read(TABLE)
    assert set(table["kind"]) == {"cosine"}
    assert set(table["cosine"]) == {1.0}
    total = sum(numbered.info("caption_drafts", shard).rows for shard in SHARDS)
    cut = second.extra["longer than the encoder's window"]
    assert cut == len([n for n in range(total) if n % 10 == 7]) > 0
    assert table.height == total - cut - 3
    assert second.extra["repeats by cosine"] == table.height
    assert by_meaning(numbered, SHARDS[::-1], reader).content == second.content
    assert len(reader.read) == len(SHARDS)

    name = f"{MEANINGS}/{SHARDS[0]}.safetensors"
    numbered.files.write(name, numbered.files.read(name)[:-3])
    assert by_meaning(numbered, SHARDS, reader).content == second.content
    assert len(reader.read) == len(SHARDS) + 1


def test_another_encoder_reads_again_and_without_the_key_nobody_reads() -> None:
    plain, narrow = small_recipe(), small_recipe(near_duplicates={"cosine": 0.9})
    photo = small_recipe(near_duplicates={"cosine": 0.9, "encoder": {"width": "photo"}})
    assert repeats.reading(plain) is None
    assert len({version(each) for each in (plain, narrow, photo)}) == 3
    moved = small_recipe(near_duplicates={"cosine": 0.9}, encoder={"width": "photo"}, image_reference=IMAGES)
    assert version(moved) == version(photo)
    assert version(small_recipe(encoder={"width": "photo"}, image_reference=IMAGES)) == version(plain)
