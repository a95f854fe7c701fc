"""Damage at rest: a flipped bit anywhere is harmless or noticed; what is damaged counts as not there and is told."""

import os
import shutil
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from unicorn_assets.checkup import LEFT_S, examine, last_checkup
from unicorn_assets.errors import UserError
from unicorn_assets.lake.artifacts import artifact_info, read_artifact, write_artifact
from unicorn_assets.lake.damage import ASIDE
from unicorn_assets.lake.owner import claim
from unicorn_assets.lake.quarantine import summary
from unicorn_assets.lake.query import connect
from unicorn_assets.lake.redrives import grant
from unicorn_assets.lake.released import latest_release
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.lake.verdicts import Broken, Verdict, write_verdict
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.spend.records import OWN, Record, SpendRecords
from unicorn_assets.release import release_instruction, release_pretrain
from unicorn_assets.terminal.report import gather
from unicorn_assets.terminal.tables import damage_lines
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.shard_statistics import keep_statistics, shard_statistics
from unicorn_assets_tests.damage import Flip, files_of, flipped, flips, is_noticed
from unicorn_assets_tests.llm.journal.test_journal import answer
from unicorn_assets_tests.small_lake import SHARDS, facts, fill, small_recipe

SPACE = Space("pocket", "r1", 8)
FLIPS = 1200
MADE = Made("recipe-1", "v1", {"captions/birds-00000": "1"})


def full_lake(root: Path) -> Lake:
    """Every kind of file that a lake can hold."""
    lake = fill(Lake(str(root)))
    claim(lake, "recipe-1")
    for shard in SHARDS:
        ids, vectors = lake.read_vectors("image_embeddings", shard)
        lake.write_vectors(
            "text_embeddings", shard, ids, vectors, Made("recipe-1", "v1", {"captions": "1"}), {"n": 1.5}
        )
        keep_statistics(lake, "text_embeddings", shard, ids, vectors, SPACE)
    write_artifact(lake, "transfer.safetensors", b"moved" * 40, MADE, 3, {"method": "none"})
    write_verdict(lake, "captions", SHARDS[0], Verdict("0123", "", {"keys_unique": Broken(1)}))
    grant(lake, "caption_drafts", SHARDS[0], ["s1", "s2"], 2)
    SpendRecords(lake.files).write(Record("one", calls=3, prompt_tokens=100, cost_usd=0.25, open=False))
    SpendRecords(lake.files, f"{OWN}/judge").write(Record("two", calls=2, prompt_tokens=50, open=False))
    with Journal.open(lake.url) as journal:
        for number in range(30):
            journal.put(answer(number))
    for release in (release_pretrain, release_instruction):
        release(lake, small_recipe(), SHARDS, facts())
    return lake


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("full") / "lake"
    full_lake(root)
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "lake"))


def is_harmless(root: Path, flip: Flip) -> bool:
    """Whether what a reader gets is the same to the bit, or nothing at all."""
    lake, parts = Lake(str(root)), flip.name.split("/")
    if parts[0] == "statistics":  # kept for speed only: what was changed is computed anew
        shard = parts[2].removesuffix(".safetensors")
        info = lake.vector_info("text_embeddings", shard)
        assert info is not None
        found = shard_statistics(lake, "text_embeddings", shard, info.content, SPACE)
        ids, vectors = lake.read_vectors("text_embeddings", shard)
        return found is None or np.array_equal(found.mean, keep_statistics(lake, "x", "y", ids, vectors, SPACE).mean)
    return parts[-1] == "LATEST" and latest_release(lake, parts[1]) is not None


def test_a_flipped_bit_is_noticed_wherever_it_is(root: Path) -> None:
    assert examine(Lake(str(root))).findings == []
    silent, seen = [], Counter[str]()
    for flip in flips(root, FLIPS, seed=20261128):
        before = flipped(root, flip)
        if not is_noticed(root, flip) and not is_harmless(root, flip):
            silent.append(flip)
        seen[flip.name.split("/")[0]] += 1
        (root / flip.name).write_bytes(before)
    assert silent == []
    assert sum(seen.values()) >= 1000
    assert set(seen) >= {"tables", "vectors", "artifacts", "releases", "journal", "statistics", "ledger", "verdicts"}
    assert examine(Lake(str(root))).findings == []


def test_nobody_is_handed_rows_that_were_changed(root: Path) -> None:
    """What a table or vectors read as, through polars and through DuckDB, is what was written, or nothing."""
    clean = Lake(str(root))
    shard = SHARDS[1]
    frame, (ids, vectors) = clean.read("captions", shard), clean.read_vectors("image_embeddings", shard)
    with connect(clean, tables=("captions",)) as sql:
        rows = sql.execute("SELECT count(*) FROM captions").fetchone()
    for name in (clean.path("captions", shard), clean.vector_path("image_embeddings", shard)):
        size = (root / name).stat().st_size
        for offset in range(0, size, max(1, size // 60)):
            flip = Flip(name, offset, offset % 8)
            before = flipped(root, flip)
            lake = Lake(str(root))
            assert lake.find("captions", shard) is None if "captions" in name else True
            assert lake.find_vectors("image_embeddings", shard) is None if "vectors" in name else True
            with connect(lake, tables=("captions",)) as sql:
                found = sql.execute("SELECT count(*), count(DISTINCT shard) FROM captions").fetchone()
            assert rows is not None
            assert found == ((rows[0] - frame.height, 2) if "captions" in name else (rows[0], 3))
            (root / name).write_bytes(before)
    assert clean.read("captions", shard).equals(frame)
    assert np.array_equal(clean.read_vectors("image_embeddings", shard)[1], vectors)
    assert clean.read_vectors("image_embeddings", shard)[0] == ids


JUNK = {
    "empty": b"",
    "junk": bytes(range(256)) * 40,
    "text": b"hello\n",
    "zeros": bytes(5000),
    "cut": None,
    "folder": None,
}


def spoil(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.unlink()
    if how == "folder":
        path.mkdir()
        (path / "inside").write_bytes(b"x")
    else:
        path.write_bytes(data[: len(data) // 2] if how == "cut" else JUNK[how] or b"")


@pytest.mark.parametrize("how", JUNK)
def test_what_cannot_be_read_is_not_there_and_is_named(root: Path, how: str) -> None:
    names = [name for name in files_of(root) if name.startswith(("tables/", "vectors/", "artifacts/", "statistics/"))]
    spoiled = [
        "tables/captions/birds-00001.parquet", "tables/seed_catalog/all.parquet",
        "vectors/image_embeddings/birds-00001.safetensors",
        "tables/quarantine/captions/birds-00001.parquet", "artifacts/transfer.safetensors",
        "statistics/text_embeddings/birds-00001.safetensors",
    ]  # fmt: skip
    assert set(spoiled) <= set(names)
    for name in spoiled:
        spoil(root / name, how)
    lake = Lake(str(root))
    report = gather(lake)
    assert report.tables["captions"].shards == 0, "the catalog names the shards, and it is gone"
    assert any(line.startswith("tables/seed_catalog/all.parquet is damaged") for line in damage_lines(report))
    assert lake.info("captions", SHARDS[1]) is None
    assert lake.find("captions", SHARDS[1]) is None
    assert lake.vector_info("image_embeddings", SHARDS[1]) is None
    assert artifact_info(lake, "transfer.safetensors") is None
    with pytest.raises(UserError, match=r"tables/captions/birds-00001.parquet is damaged"):
        lake.read("captions", SHARDS[1])
    with pytest.raises(UserError, match=r"transfer.safetensors is damaged"):
        read_artifact(lake, "transfer.safetensors")
    assert summary(lake), "the other shards' refusals are shown"
    found = examine(Lake(str(root)), repair=True)
    assert {finding.name for finding in found.findings} == set(spoiled)
    assert examine(Lake(str(root))).findings == []
    assert len(list(root.rglob(f"*{ASIDE}*"))) == len(spoiled), "what was found is kept"
    last = last_checkup(Lake(str(root)))
    assert last is not None
    assert last.findings == []


def test_a_lake_that_mends_sets_aside_what_it_meets(root: Path) -> None:
    name = "tables/captions/birds-00001.parquet"
    spoil(root / name, "cut")
    lake = Lake(str(root), mends=True)
    assert lake.info("captions", SHARDS[1]) is None
    assert not (root / name).exists()
    assert (root / lake.damaged[name].aside).is_file()
    assert SHARDS[1] not in lake.shards("captions")


def test_what_killed_writers_left_is_removed_by_a_repair_after_a_day(root: Path) -> None:
    for name in ("tables/captions", "ledger/spend", "artifacts"):
        for when, age_s in (("old", LEFT_S + 60), ("new", 60)):
            file = root / name / f".{when}.writing"
            file.write_bytes(b"half")
            os.utime(file, (time.time() - age_s,) * 2)
    assert examine(Lake(str(root))).leftovers == 3
    assert len(list(root.rglob(".old.writing"))) == 3, "looking alone removes nothing"
    assert examine(Lake(str(root)), repair=True).leftovers == 3
    assert [file.name for file in root.rglob("*.writing")] == [".new.writing"] * 3
    assert examine(Lake(str(root))).leftovers == 0
