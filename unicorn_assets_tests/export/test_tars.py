import io
import json
import sqlite3
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from unicorn_assets.errors import UserError
from unicorn_assets.export import export_authors, export_energon, export_folder, export_webdataset
from unicorn_assets.export.unicorn_code.apply import EDITS, apply, edited
from unicorn_assets.export.unicorn_code.unicorn_store import VectorStore, dimension
from unicorn_assets.lake.store import Lake
from unicorn_assets.lineage.diff import Release, named
from unicorn_assets.release import release_pretrain, verify_release
from unicorn_assets_tests.small_lake import DIMENSION, SHARDS, facts, fill, small_recipe, vectors_of


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    lake = fill(Lake(str(tmp_path_factory.mktemp("export"))))
    return named(lake, release_pretrain(lake, small_recipe(), SHARDS, facts()).path)


def records_of(release: Release) -> list[dict]:
    return json.loads(release.files.read("Pretrain.json"))


def test_tars_hold_each_record_with_its_vector(release: Release, tmp_path: Path) -> None:
    rows: list[int] = []
    made = export_webdataset(release, tmp_path / "tars", rows.append, per_tar=4)
    assert [tar.name for tar in made] == ["Pretrain-000000.tar", "Pretrain-000001.tar"]
    assert (sum(rows), len(made[1].samples)) == (6, 2)
    found = []
    for tar in made:
        with tarfile.open(tmp_path / "tars" / tar.name) as opened:
            names = opened.getnames()
            for text, numbers in zip(names[::2], names[1::2], strict=True):
                record = json.load(opened.extractfile(text))  # type: ignore[arg-type]
                assert (text, numbers) == (f"{record['id']}.json", f"{record['id']}.npy")
                vector = np.load(io.BytesIO(opened.extractfile(numbers).read()))  # type: ignore[union-attr]
                assert np.array_equal(vector, vectors_of([record["id"]])[0].astype(np.float16))
                found.append(record)
    assert found == records_of(release)
    again = export_webdataset(release, tmp_path / "again", per_tar=4)
    for tar in again:
        assert (tmp_path / "again" / tar.name).read_bytes() == (tmp_path / "tars" / tar.name).read_bytes()
    with pytest.raises(UserError, match="is there already"):
        export_webdataset(release, tmp_path / "tars")


def test_energon_finds_samples_by_their_places(release: Release, tmp_path: Path) -> None:
    export_energon(release, tmp_path, per_tar=4)
    meta = tmp_path / ".nv-meta"
    counts = json.loads((meta / ".info.json").read_text())["shard_counts"]
    assert counts == {"Pretrain-000000.tar": 4, "Pretrain-000001.tar": 2}
    assert yaml.safe_load((meta / "split.yaml").read_text())["split_parts"]["train"] == list(counts)
    assert yaml.safe_load((meta / "dataset.yaml").read_text())["__class__"] == "CrudeWebdataset"
    data = (tmp_path / "Pretrain-000000.tar").read_bytes()
    places = struct.unpack("<5Q", (tmp_path / "Pretrain-000000.tar.idx").read_bytes())
    assert (places[0], places[-1] <= len(data)) == (0, True)
    with sqlite3.connect(meta / "index.sqlite") as sql:
        key, place, size = sql.execute(
            "SELECT sample_key, byte_offset, byte_size FROM samples WHERE tar_file_id = 0 AND sample_index = 3"
        ).fetchone()
        start, length = sql.execute(
            "SELECT content_byte_offset, content_byte_size FROM sample_parts "
            "WHERE tar_file_id = 0 AND sample_index = 3 AND part_name = 'json'"
        ).fetchone()
    sql.close()
    assert (place, place + size) == places[3:]
    assert json.loads(data[start : start + length]) == records_of(release)[3]
    assert key == records_of(release)[3]["id"]


def test_a_folder_for_the_hub_is_a_whole_release(release: Release, tmp_path: Path) -> None:
    assert verify_release(str(export_folder(release, tmp_path / "hub"))) == []


def test_the_authors_store_gives_vectors_by_id(release: Release, tmp_path: Path) -> None:
    assert export_authors(release, tmp_path) == ["apply.py", "unicorn_store.py", "README.md"]
    assert "6 records, 8 dimensions" in (tmp_path / "README.md").read_text().replace("\n", " ")
    data_path = release.files.path("Pretrain.json")
    store = VectorStore.beside(data_path)
    for record in records_of(release):
        vector = store.vector(record["id"])
        assert vector.dtype == np.float32
        assert np.array_equal(vector, vectors_of([record["id"]])[0].astype(np.float16))
    assert dimension(data_path) == DIMENSION
    for missing in ("c-nobody", "", "zz"):
        with pytest.raises(KeyError, match="no vector for the record"):
            store.vector(missing)


def test_only_the_pinned_files_are_edited(tmp_path: Path) -> None:
    assert edited("1\n2\n3\n4\n5\n", [(2, 3, "two\n"), (5, 5, "five\nsix\n")]) == "1\ntwo\n4\nfive\nsix\n"
    for name in EDITS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("other\n")
    with pytest.raises(ValueError, match="is not that of commit f89be62bb8de"):
        apply(tmp_path)
    assert {(tmp_path / name).read_text() for name in EDITS} == {"other\n"}
