"""Sources that are folders or patterns: which files they have, and what becomes of those that come, go, or are bad."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.seeds.catalog import CatalogResult, build_catalog
from unicorn_assets.seeds.listing import File, list_files, sources_fingerprint
from unicorn_assets.seeds.readers import read_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "seeds"
    made.mkdir()
    return made


def jsonl(*texts: str) -> str:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


def names(recipe: Any) -> list[str]:
    return [file.shown for file in list_files(recipe, recipe.sources[0]).files]


def places(result: CatalogResult) -> dict[str, tuple[str, str, int]]:
    return {row[0]: row[1:] for row in result.catalog.select("text", "shard", "file", "row").iter_rows()}


def refused(result: CatalogResult) -> dict[str, str]:
    rows = result.quarantine.filter(pl.col("reason") == "unusable_file")
    return dict(rows.select("row_id", "detail").iter_rows())


@pytest.mark.parametrize("seed", range(12))
def test_files_in_any_order_give_the_same_seeds_and_renumber_nothing(
    folder: Path, make_recipe: Any, seed: int
) -> None:  # fmt: skip
    draw = random.Random(seed)
    recipe = make_recipe({"path": "seeds"}, shard_rows=draw.randint(1, 5))
    files = {
        f"{draw.choice('abcxyz')}{number}.jsonl": [f"text {draw.randrange(30)}" for _ in range(draw.randint(1, 9))]
        for number in range(6)
    }
    result, known = None, dict[str, tuple[str, str, int]]()
    for name in draw.sample(sorted(files), len(files)):
        (folder / name).write_text(jsonl(*files[name]))
        result = build_catalog(recipe, result.catalog if result else None)
        found = places(result)
        assert {text: found[text] for text in known} == known
        assert result.removed == 0
        known = found
    assert set(known) == {text for texts in files.values() for text in texts}
    assert set(build_catalog(recipe, None).catalog["seed_id"]) == set(result.catalog["seed_id"])
    assert build_catalog(recipe, result.catalog).catalog.equals(result.catalog)


BAD = {
    "empty.jsonl": (b"", "the file is empty"),
    "half.jsonl": (b'{"text": "a whale"}\n{"text": "a ki', "it ends in the middle of row 2"),
    "torn.jsonl.gz": (gzip.compress(jsonl(*(f"a number {n}" for n in range(99))).encode())[:-20], "cannot be read"),
    "lies.jsonl": (b"PAR1" + b"\0" * 64 + b"PAR1", "this is a Parquet file"),
    "later.jsonl.part": (b'{"text": "a shark"}\n', "by its name it is not finished"),
    "README.md": (b"# seeds\n", "its ending names no format"),
}


def test_a_new_file_that_is_no_good_is_named_and_the_others_are_read(folder: Path, make_recipe: Any) -> None:
    recipe = make_recipe({"path": "seeds/"})
    (folder / "good.jsonl").write_text(jsonl("a cat", "a dog"))
    for name, (content, _) in BAD.items():
        (folder / name).write_bytes(content)
    (folder / ".hidden.jsonl").write_text("no JSON")
    (folder / "_SUCCESS").touch()
    first = build_catalog(recipe, None)
    assert set(places(first)) == {"a cat", "a dog"}
    told = refused(first)
    assert set(told) == {f"seeds/{name}:0" for name in BAD}
    for name, (_, words) in BAD.items():
        assert words in told[f"seeds/{name}:0"]
    count = first.counts["s0"]
    assert count == {"read": 2 + len(BAD), "seeds": 2, "unusable_file": len(BAD)}
    (folder / "half.jsonl").write_text(jsonl("a whale", "a kite"))  # mended
    second = build_catalog(recipe, first.catalog)
    assert set(places(second)) == {"a cat", "a dog", "a whale", "a kite"}
    assert second.changes == {"seeds/half.jsonl": (2, 0)}


@pytest.mark.parametrize("content", [BAD[name][0] for name in ("empty.jsonl", "half.jsonl", "lies.jsonl")] + [b"{}\n"])
def test_a_known_file_that_is_no_good_any_more_ends_the_run(folder: Path, make_recipe: Any, content: bytes) -> None:
    recipe = make_recipe({"path": "seeds"})
    for name in ("a", "b"):
        (folder / f"{name}.jsonl").write_text(jsonl(f"a cat of {name}", f"a dog of {name}"))
    first = build_catalog(recipe, None)
    (folder / "b.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=r"^seeds/b.jsonl: .*2 seeds of the catalog are of this file"):
        build_catalog(recipe, first.catalog)
    (folder / "b.jsonl").unlink()
    second = build_catalog(recipe, first.catalog)
    assert set(places(second)) == {"a cat of a", "a dog of a"}
    assert second.changes == {"seeds/b.jsonl": (0, 2)}


def test_a_file_that_cannot_be_got_at_ends_the_run(folder: Path, make_recipe: Any) -> None:
    (folder / "a.jsonl").write_text(jsonl("a cat"))
    (folder / "b.jsonl").write_text(jsonl("a dog"))
    recipe = make_recipe({"path": "seeds"})
    listing = list_files(recipe, recipe.sources[0])
    (folder / "b.jsonl").unlink()
    with pytest.raises(UserError, match=r"seeds/b.jsonl: there is no such file"):
        list(read_file(recipe.sources[0], listing.files[1]))


def test_a_file_that_grows_while_it_is_read(folder: Path, make_recipe: Any) -> None:
    path = folder / "a.jsonl"
    path.write_text(jsonl("a cat", "a dog"))
    rows = read_file(make_recipe({"path": "seeds"}).sources[0], File(str(path), "a.jsonl"))
    next(rows)
    with path.open("a") as file:
        file.write(jsonl("a kite"))
    with pytest.raises(UserError, match=r"a.jsonl: somebody wrote to it while it was read"):
        list(rows)


def test_what_a_folder_and_a_pattern_mean(folder: Path, make_recipe: Any) -> None:
    below = folder / "below"
    below.mkdir()
    for path in (folder / "b.jsonl", folder / "a.jsonl", below / "c.jsonl", folder / "d.csv"):
        path.write_text(jsonl("a cat") if path.suffix == ".jsonl" else "text\na dog\n")
    with pytest.raises(UserError, match=r"seeds: its files are of several formats: seeds/d.csv \(csv\), seeds/.*jsonl"):
        list_files(recipe := make_recipe({"path": "seeds"}), recipe.sources[0])
    assert names(make_recipe({"path": "seeds/*.jsonl"})) == ["seeds/a.jsonl", "seeds/b.jsonl"]
    assert names(make_recipe({"path": "seeds/**/*.jsonl"})) == [
        "seeds/a.jsonl", "seeds/b.jsonl", "seeds/below/c.jsonl",
    ]  # fmt: skip
    assert names(make_recipe({"path": f"{folder}/?.csv"})) == [f"{folder}/d.csv"]
    (folder / "[b]*.jsonl").write_text(jsonl("a star"))  # a file of this very name is meant, as it always was
    assert names(make_recipe({"path": "seeds/[b]*.jsonl"})) == ["seeds/[b]*.jsonl"]
    with pytest.raises(UserError, match=r"seeds/\*.parquet: there is no file of seeds in it"):
        list_files(recipe := make_recipe({"path": "seeds/*.parquet"}), recipe.sources[0])


def test_the_fingerprint_knows_names_and_contents(folder: Path, make_recipe: Any) -> None:
    recipe = make_recipe({"path": "seeds"})
    (folder / "a.jsonl").write_text(jsonl("a cat"))
    seen = [sources_fingerprint(recipe)]
    (folder / "b.jsonl").write_text(jsonl("a dog"))
    seen.append(sources_fingerprint(recipe))
    (folder / "b.jsonl").write_text(jsonl("a dig"))
    seen.append(sources_fingerprint(recipe))
    (folder / "b.jsonl").rename(folder / "c.jsonl")
    seen.append(sources_fingerprint(recipe))
    assert len(set(seen)) == 4
    (folder / ".c.jsonl.swp").touch()
    assert sources_fingerprint(recipe) == seen[-1]


def test_max_rows_counts_over_all_files(folder: Path, make_recipe: Any) -> None:
    for name in "abc":
        (folder / f"{name}.jsonl").write_text(jsonl(*(f"{name} has number {n}" for n in range(3))))
    result = build_catalog(make_recipe({"path": "seeds", "max_rows": 4}), None)
    assert set(places(result)) == {"a has number 0", "a has number 1", "a has number 2", "b has number 0"}


def test_a_folder_of_which_nothing_can_be_used(folder: Path, make_recipe: Any) -> None:
    (folder / "a.jsonl").write_text("")
    with pytest.raises(UserError, match="none of its 1 rows can be used: unusable_file 1"):
        build_catalog(make_recipe({"path": "seeds"}), None)
