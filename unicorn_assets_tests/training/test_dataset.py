import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import Lake
from unicorn_assets.release import release_instruction, release_pretrain
from unicorn_assets.training import ReleaseDataset
from unicorn_assets.training.records import Records
from unicorn_assets_tests.small_lake import SHARDS, facts, fill, small_recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = fill(Lake(str(tmp_path_factory.mktemp("training"))), SHARDS, rows=6)
    return Path(release_pretrain(lake, small_recipe(), SHARDS, facts()).path)


def ids_of(folder: Path) -> list[str]:
    return [record["id"] for record in json.loads((folder / "Pretrain.json").read_text(encoding="utf-8"))]


def test_a_number_gives_a_record_and_its_vector(folder: Path) -> None:
    dataset = ReleaseDataset(folder)
    records = json.loads((folder / "Pretrain.json").read_text(encoding="utf-8"))
    stored = load_file(folder / "embeddings.safetensors")["vectors"]
    assert len(dataset) == len(records) == 12
    for number in (0, 5, 11):
        sample = dataset[number]
        assert (sample["id"], sample["conversations"]) == (records[number]["id"], records[number]["conversations"])
        assert sample["vector"].dtype == np.float16
        assert np.array_equal(sample["vector"], stored[number])
        assert dataset.vectors.row_of(sample["id"]) == number
    with pytest.raises(IndexError):
        dataset[12]


def test_instructions_are_read_the_same_way(disk_lake: Lake) -> None:
    info = release_instruction(fill(disk_lake), small_recipe(), SHARDS, facts())
    dataset = ReleaseDataset(info.path)
    assert len(dataset) == 3
    assert len(dataset[2]["conversations"]) == 6


def test_records_are_found_without_a_file_of_offsets(folder: Path) -> None:
    with_file = Records(folder / "Pretrain.json", folder / "Pretrain.offsets.npy")
    scanned = Records(folder / "Pretrain.json", None)
    assert np.array_equal(with_file._starts, scanned._starts)
    assert scanned.record(11) == with_file.record(11)


def test_chosen_ids_come_in_their_order_and_a_missing_one_is_named(folder: Path) -> None:
    ids = ids_of(folder)
    some = ReleaseDataset(folder, ids=[ids[7], ids[2]])
    assert [some[0]["id"], some[1]["id"]] == [ids[7], ids[2]]
    for missing in ("c-nobody", "zzz", "", ids[0] + "x"):
        with pytest.raises(UserError, match=f"no vector for '{missing}'"):
            ReleaseDataset(folder, ids=[ids[0], missing])


def test_noise_follows_from_seed_epoch_and_id_alone(folder: Path) -> None:
    plain, one, two = ReleaseDataset(folder), *(ReleaseDataset(folder, noise_cosine=0.7, seed=s) for s in (1, 2))
    first = one[(0, 3)]["vector"]
    assert np.array_equal(first, one[3]["vector"])
    again = ReleaseDataset(folder, ids=[ids_of(folder)[3]], noise_cosine=0.7, seed=1)
    assert np.array_equal(first, again[0]["vector"])
    assert not np.array_equal(first, one[(1, 3)]["vector"])
    assert not np.array_equal(first, two[3]["vector"])
    assert not np.array_equal(first, plain[3]["vector"])
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)


def test_the_method_of_the_release_says_whether_there_is_noise(disk_lake: Lake) -> None:
    info = release_pretrain(fill(disk_lake), small_recipe(), SHARDS, facts(noise_cosine=0.8))
    noisy, quiet = ReleaseDataset(info.path), ReleaseDataset(info.path, noise_cosine=None)
    assert noisy.noise_cosine == 0.8
    assert not np.array_equal(noisy[0]["vector"], quiet[0]["vector"])


def _read(dataset: ReleaseDataset, numbers: list[int]) -> list[tuple[str, bytes]]:
    return [(dataset[number]["id"], dataset[number]["vector"].tobytes()) for number in numbers]


def test_other_processes_read_the_same(folder: Path) -> None:
    dataset = ReleaseDataset(folder)
    mine = _read(dataset, [4, 9])
    # What spawn sends, without the seconds that a fresh interpreter takes.
    sent: ReleaseDataset = pickle.loads(pickle.dumps(dataset))
    assert sent.vectors._file._descriptor is None
    assert _read(sent, [4, 9]) == mine
    # Forked from a process of its own: this one has threads of other tests, and a fork of those may wait for ever.
    done = subprocess.run(
        [sys.executable, "-c", FORKS, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert _read(dataset, [4, 9]) == mine


FORKS = """
import multiprocessing, sys
from unicorn_assets.training import ReleaseDataset
def read(dataset, numbers):
    return [(dataset[number]["id"], dataset[number]["vector"].tobytes()) for number in numbers]
dataset = ReleaseDataset(sys.argv[1])
mine = read(dataset, [4, 9])
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.starmap(read, [(dataset, [4, 9])] * 4) == [mine] * 4
assert read(dataset, [4, 9]) == mine
"""


def test_what_is_no_whole_release_is_said_in_words(folder: Path, tmp_path: Path) -> None:
    for given, words in ((tmp_path, "holds no manifest.json"), ("s3://bucket/release", "not on this machine")):
        with pytest.raises(UserError, match=words):
            ReleaseDataset(given)
    for name in ("manifest.json", "Pretrain.json", "Pretrain.offsets.npy", "embeddings.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    text = (tmp_path / "Pretrain.json").read_bytes()
    first, second = ids_of(folder)[:2]
    (tmp_path / "Pretrain.json").write_bytes(text.replace(first.encode(), second.encode()))
    with pytest.raises(UserError, match="the vector of that row is of"):
        ReleaseDataset(tmp_path)[0]
    (tmp_path / "Pretrain.json").write_bytes(b" " * 7 + text)
    with pytest.raises(UserError, match="no record where number 0 should be"):
        ReleaseDataset(tmp_path)[0]
    (tmp_path / "embeddings.safetensors").unlink()
    with pytest.raises(UserError, match=r"embeddings.safetensors is missing"):
        ReleaseDataset(tmp_path)
