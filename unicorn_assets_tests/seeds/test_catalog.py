from pathlib import Path
from typing import Any

import polars as pl

from unicorn_assets.ids import content_id
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.seeds.catalog import build_catalog, seeds_of, shards_of, version
from unicorn_assets.seeds.listing import sources_fingerprint


def write(folder: Path, name: str, *texts: str) -> None:
    (folder / name).write_text("".join(f"{text}\n" for text in texts))


def places(catalog: pl.DataFrame) -> dict[str, str]:
    return dict(catalog.select("text", "shard").iter_rows())


def test_tables_have_the_columns_of_the_lake(tmp_path: Path, make_recipe: Any) -> None:
    write(tmp_path, "a.txt", "a cat", "a dog", "a cat")
    result = build_catalog(make_recipe({"path": "a.txt"}), None)
    assert dict(result.catalog.schema) == {
        k: v() if isinstance(v, type) else v for k, v in polars_schema("seed_catalog").items()
    }
    assert list(result.quarantine.columns) == list(polars_schema("quarantine"))
    assert result.catalog["seed_id"].to_list() == [content_id("s", "a cat"), content_id("s", "a dog")]
    assert list(seeds_of(result.catalog, "s0-00000").columns) == list(polars_schema("seeds"))


def test_the_first_of_equal_texts_wins_across_sources(tmp_path: Path, make_recipe: Any) -> None:
    write(tmp_path, "a.txt", "a cat", "a dog", "a  cat")
    write(tmp_path, "b.txt", "an owl", "a cat", "cafe\u0301", "caf\u00e9")
    result = build_catalog(make_recipe({"path": "a.txt"}, {"path": "b.txt"}), None)
    assert result.catalog.select("text", "file", "row").rows() == [
        ("a cat", "a.txt", 1), ("a dog", "a.txt", 2), ("an owl", "b.txt", 1), ("caf\u00e9", "b.txt", 3),
    ]  # fmt: skip
    assert result.quarantine.select("row_id", "reason", "detail", "parent_id").rows() == [
        ("a.txt:3", "duplicate_seed", "same text as a.txt:1", content_id("s", "a cat")),
        ("b.txt:2", "duplicate_seed", "same text as a.txt:1", content_id("s", "a cat")),
        ("b.txt:4", "duplicate_seed", "same text as b.txt:3", content_id("s", "caf\u00e9")),
    ]
    assert result.counts == {
        "s0": {"read": 3, "seeds": 2, "duplicate_seed": 1},
        "s1": {"read": 4, "seeds": 2, "duplicate_seed": 2},
    }


def test_new_seeds_fill_the_last_shard_and_removed_ones_leave_holes(tmp_path: Path, make_recipe: Any) -> None:
    recipe = make_recipe({"path": "a.txt", "name": "pets"}, shard_rows=3)
    write(tmp_path, "a.txt", *["abc", "def", "ghi", "jkl"])
    first = build_catalog(recipe, None)
    assert places(first.catalog) == {
        "abc": "pets-00000", "def": "pets-00000", "ghi": "pets-00000", "jkl": "pets-00001",
    }  # fmt: skip
    write(tmp_path, "a.txt", *["new", "ghi", "mno", "jkl", "abc", "pqr", "stu"])
    second = build_catalog(recipe, first.catalog)
    assert (second.added, second.removed) == (4, 1)
    assert places(second.catalog) == {
        "ghi": "pets-00000", "abc": "pets-00000", "new": "pets-00001", "mno": "pets-00001", "jkl": "pets-00001",
        "pqr": "pets-00002", "stu": "pets-00002",
    }  # fmt: skip
    assert second.catalog["text"].to_list() == ["ghi", "abc", "new", "mno", "jkl", "pqr", "stu"]
    assert shards_of(second.catalog) == ["pets-00000", "pets-00001", "pets-00002"]
    assert seeds_of(second.catalog, "pets-00001")["text"].to_list() == ["new", "mno", "jkl"]
    again = build_catalog(recipe, second.catalog)
    assert again.catalog.equals(second.catalog)
    assert (again.added, again.removed) == (0, 0)


def test_a_new_source_that_repeats_old_seeds_changes_nothing_about_them(tmp_path: Path, make_recipe: Any) -> None:
    write(tmp_path, "a.txt", "a cat", "a dog")
    write(tmp_path, "b.txt", "a cat", "an owl")
    old, new = {"path": "a.txt", "name": "old"}, {"path": "b.txt", "name": "new"}
    first = build_catalog(make_recipe(old), None)
    second = build_catalog(make_recipe(new, old), first.catalog)
    assert second.catalog.filter(pl.col("shard") == "old-00000").equals(first.catalog)
    assert second.quarantine["row_id"].to_list() == ["b.txt:1"]
    # When its source goes, a seed that another source still has keeps its shard.
    third = build_catalog(make_recipe(new), second.catalog)
    assert places(third.catalog) == {"a cat": "old-00000", "an owl": "new-00000"}


def test_one_source_named_like_the_shard_of_another(tmp_path: Path, make_recipe: Any) -> None:
    write(tmp_path, "a.txt", "one", "two")
    write(tmp_path, "b.txt", "three", "four")
    recipe = make_recipe({"path": "a.txt", "name": "x"}, {"path": "b.txt", "name": "x-00000"}, shard_rows=1)
    first = build_catalog(recipe, None)
    assert shards_of(first.catalog) == ["x-00000", "x-00000-00000", "x-00000-00001", "x-00001"]
    write(tmp_path, "a.txt", "one", "two", "five")
    assert places(build_catalog(recipe, first.catalog).catalog)["five"] == "x-00002"


def test_a_smaller_shard_size_leaves_full_shards_alone(tmp_path: Path, make_recipe: Any) -> None:
    write(tmp_path, "a.txt", *["abc", "def", "ghi"])
    first = build_catalog(make_recipe({"path": "a.txt"}, shard_rows=3), None)
    write(tmp_path, "a.txt", *["abc", "def", "ghi", "jkl", "mno"])
    second = build_catalog(make_recipe({"path": "a.txt"}, shard_rows=1), first.catalog)
    assert second.catalog["shard"].to_list() == ["s0-00000"] * 3 + ["s0-00001", "s0-00002"]


def test_progress_counts_every_row(tmp_path: Path, make_recipe: Any) -> None:
    write(tmp_path, "a.txt", *(f"cat {n}" for n in range(25_000)))
    steps: list[int] = []
    build_catalog(make_recipe({"path": "a.txt"}), None, steps.append)
    assert sum(steps) == 25_000
    assert len(steps) > 2


def test_version_follows_the_recipe_and_fingerprint_the_files(tmp_path: Path, make_recipe: Any) -> None:
    write(tmp_path, "a.txt", "a cat")
    recipe = make_recipe({"path": "a.txt"})
    before = version(recipe), sources_fingerprint(recipe)
    assert before == (version(make_recipe({"path": "a.txt"}, about="other words")), sources_fingerprint(recipe))
    write(tmp_path, "a.txt", "a cot")  # the same size
    assert version(recipe) == before[0]
    assert sources_fingerprint(recipe) != before[1]
    for changed in (make_recipe({"path": "a.txt"}, shard_rows=7), make_recipe({"path": "a.txt", "domain": "pets"})):
        assert version(changed) != before[0]
