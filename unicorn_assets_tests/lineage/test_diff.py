"""What two releases differ in: of the small lake, whose stages are changed one at a time between two cuts."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import ALL, Lake, Made
from unicorn_assets.lineage.diff import Diff, diff
from unicorn_assets.release import release_instruction, release_pretrain
from unicorn_assets_tests.small_lake import SHARDS, facts, fill, small_recipe, vectors_of

NAME = "unicorn_1_2m"
Change = Callable[[Lake], None]


def rewrite(lake: Lake, table: str, shard: str, frame: pl.DataFrame) -> None:
    lake.write(table, shard, frame, Made("recipe-2", "2"))


def cut(lake: Lake, shards: tuple[str, ...] = SHARDS) -> str:
    return release_pretrain(lake, small_recipe(), shards, facts()).version


def drop_first(lake: Lake) -> None:
    captions = lake.read("captions", SHARDS[0])
    rewrite(lake, "captions", SHARDS[0], captions.slice(1))
    ids = captions["caption_id"].to_list()[1:]
    lake.write_vectors("image_embeddings", SHARDS[0], ids, vectors_of(ids), Made())


def seed_gone(lake: Lake) -> None:
    catalog = lake.read("seed_catalog")
    rewrite(
        lake, "seed_catalog", ALL, catalog.filter(pl.col("seed_id") != lake.read("captions", SHARDS[0])["seed_id"][0])
    )
    drop_first(lake)


def source_gone(lake: Lake) -> None:
    rewrite(lake, "seed_catalog", ALL, lake.read("seed_catalog").filter(pl.col("source") != "birds"))
    drop_first(lake)


def refused(lake: Lake) -> None:
    known = lake.read("quarantine/caption_drafts", SHARDS[0])
    row = known.with_columns(row_id=pl.lit(lake.read("captions", SHARDS[0])["seed_id"][0]), reason=pl.lit("non_visual"))
    rewrite(lake, "quarantine/caption_drafts", SHARDS[0], pl.concat([known, row]))
    drop_first(lake)


def repeats(lake: Lake) -> None:
    first, second = lake.read("captions", SHARDS[0])["caption_id"][:2]
    near = lake.read("near_duplicates")
    row = near.head(1).with_columns(caption_id=pl.lit(first), duplicate_of=pl.lit(second))
    rewrite(lake, "near_duplicates", ALL, pl.concat([near, row]))
    drop_first(lake)


@pytest.mark.parametrize(
    ("change", "reason"),
    [(seed_gone, "its seed is gone"), (source_gone, "source birds was removed"),
     (refused, "refused by caption_drafts: non_visual"), (repeats, "near duplicate"),
     (drop_first, "the lake has moved on")],
)  # fmt: skip
def test_a_row_that_is_out_says_why(change: Change, reason: str, disk_lake: Lake) -> None:
    fill(disk_lake)
    caption_id = disk_lake.read("captions", SHARDS[0])["caption_id"][0]
    before = cut(disk_lake)
    change(disk_lake)
    cut(disk_lake)
    found = diff(disk_lake, f"{NAME}@{before}", NAME)
    assert {why: each.rows for why, each in found.rows_out.items()} == {reason: 1}
    assert found.rows_out[reason].samples[0].startswith(caption_id)
    assert (found.rows_in, found.changed, found.same) == ({}, {}, found.rows_a - 1)
    back = diff(disk_lake, NAME, f"{NAME}@{before}")
    assert list(back.rows_in) == ["its seed is new, or it is accepted now"]


def another(lake: Lake, **values: str) -> None:
    captions = lake.read("captions", SHARDS[0])
    first = pl.col("caption_id") == captions["caption_id"][0]
    changed = [pl.when(first).then(pl.lit(value)).otherwise(name).alias(name) for name, value in values.items()]
    fresh = captions.with_columns(changed)
    rewrite(lake, "captions", SHARDS[0], fresh)
    ids = fresh["caption_id"].to_list()
    lake.write_vectors("image_embeddings", SHARDS[0], ids, vectors_of(ids), Made())


NEW = {"caption_id": "c-other", "text": "A heron stands in the reeds."}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (NEW | {"prompt_version": "dense@2"}, "prompt dense@0a1b -> dense@2"),
        (NEW | {"model": "m@2"}, "model tiny-llm@1 -> m@2"),
        (NEW | {"request_hash": "c" * 32}, "another draft was accepted, by other gates or sampling"),
        (NEW, "same answer, its text cut otherwise by other gates"),
        ({"text": "A heron stands in the reeds."}, "same answer, another record"),
    ],
)
def test_a_row_that_changed_says_why(values: dict[str, str], reason: str, disk_lake: Lake) -> None:
    fill(disk_lake)
    before = cut(disk_lake)
    another(disk_lake, **values)
    cut(disk_lake)
    found = diff(disk_lake, f"{NAME}@{before}", NAME)
    assert {why: each.rows for why, each in found.changed.items()} == {reason: 1}
    assert found.same == found.rows_a - 1 == found.rows_b - 1


def test_vectors_alone_may_change(disk_lake: Lake) -> None:
    fill(disk_lake)
    before = cut(disk_lake)
    ids, vectors = disk_lake.read_vectors("image_embeddings", SHARDS[1])
    vectors = vectors.copy()
    vectors[0] = -vectors[0]
    disk_lake.write_vectors("image_embeddings", SHARDS[1], ids, vectors, Made("recipe-2"))
    cut(disk_lake)
    found = diff(disk_lake, f"{NAME}@{before}", NAME)
    assert found.changed["vector changed"].samples == [ids[0]]
    assert found.to_dict()["changed_total"] == 1


def told(found: Diff) -> dict[str, object]:
    return {**found.to_dict(), "a": "", "b": ""}


def test_new_shards_bring_rows_and_a_folder_is_a_release(lake: Lake, tmp_path: Path) -> None:
    fill(lake)
    small, large = cut(lake, SHARDS[:1]), cut(lake)
    found = diff(lake, f"{NAME}@{small}", f"{NAME}@{large}")
    assert set(found.rows_in) == {"its shard is new", "source labels is new"}
    assert "its shard is not in the other release" in diff(lake, NAME, f"{NAME}@{small}").rows_out
    folders = [lake.files.url(f"releases/{NAME}/{version}") for version in (small, large)]
    assert told(diff(Lake(str(tmp_path / "nothing")), *folders)) | {"rows_out": {}} == told(found) | {"rows_out": {}}


def test_instructions_are_compared_too(disk_lake: Lake) -> None:
    fill(disk_lake)
    small = release_instruction(disk_lake, small_recipe(), SHARDS[:2], facts()).version
    release_instruction(disk_lake, small_recipe(), SHARDS, facts())
    found = diff(disk_lake, f"unicorn_471k_instruction@{small}", "unicorn_471k_instruction")
    assert list(found.rows_in) == ["its shard is new"]
    assert found.same == found.rows_a


def test_what_is_no_release_is_one_line(disk_lake: Lake, tmp_path: Path) -> None:
    fill(disk_lake)
    version = cut(disk_lake)
    release_instruction(disk_lake, small_recipe(), SHARDS, facts())
    folder = Path(disk_lake.url) / "releases" / NAME / version
    for name, words in {
        "unicorn": "is no release and no folder", "": "is no release and no folder",
        f"{NAME}@abc": f"there is {NAME}@{version}",
        str(tmp_path): "holds no manifest.json", "unicorn_471k_instruction": "different kinds",
    }.items():  # fmt: skip
        with pytest.raises(UserError) as wrong:
            diff(disk_lake, name, NAME)
        assert words in f"{wrong.value.message} {wrong.value.hint}"
    (folder / "Pretrain-00000.parquet").write_bytes(b"PAR1 junk")
    with pytest.raises(UserError, match="damaged"):
        diff(disk_lake, NAME, NAME)
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="damaged"):
        diff(disk_lake, str(folder), NAME)
