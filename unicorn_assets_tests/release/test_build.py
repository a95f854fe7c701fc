import io
import itertools
import json
from pathlib import Path
from unittest import mock

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load

from unicorn_assets.errors import UserError
from unicorn_assets.lake.damage import Damage
from unicorn_assets.lake.released import latest_release, release_id, release_manifest, release_row, release_versions
from unicorn_assets.lake.store import Lake, Made, decode_ids
from unicorn_assets.release import release_instruction, release_pretrain, verify_release, writers
from unicorn_assets_tests.small_lake import MODEL, SHARDS, facts, fill, small_recipe, vectors_of

RECIPE = small_recipe()


def files_of(lake: Lake, path: str) -> dict[str, bytes]:
    folder = path.removeprefix(lake.url + "/")
    return {name: lake.files.read(f"{folder}/{name}") for name in lake.files.names(folder)}


def test_pretrain_records_have_the_shape_that_trainers_read(lake: Lake) -> None:
    fill(lake)
    seen: list[int] = []
    info = release_pretrain(lake, RECIPE, SHARDS, facts(), seen.append)
    assert (info.asset, info.rows, info.created, seen) == ("unicorn_1_2m", 6, True, [2, 2, 2])
    assert verify_release(info.path) == []
    files = files_of(lake, info.path)
    data = {"Pretrain.json", "Pretrain.offsets.npy", "Pretrain-00000.parquet", "embeddings.safetensors"}
    assert set(files) == {*data, "README.md", "manifest.json"}
    records = json.loads(files["Pretrain.json"].decode("utf-8"))
    captions = lake.read_many("captions", SHARDS)
    assert [record["id"] for record in records] == captions["caption_id"].to_list()
    for record, text in zip(records, captions["text"], strict=True):
        assert list(record) == ["id", "caption", "conversations"]
        human, gpt = record["conversations"]
        assert record["caption"] == text == gpt["value"]
        assert (human["from"], gpt["from"]) == ("human", "gpt")
        assert human["value"].startswith("<image>\n")
    assert "naïve 🐦" in files["Pretrain.json"].decode("utf-8"), "text is to be UTF-8, not escapes"
    assert len({record["conversations"][0]["value"] for record in records}) > 1


def test_row_i_of_the_embeddings_belongs_to_record_i(disk_lake: Lake) -> None:
    info = release_pretrain(fill(disk_lake), RECIPE, SHARDS, facts())
    files = files_of(disk_lake, info.path)
    tensors = load(files["embeddings.safetensors"])
    ids = [record["id"] for record in json.loads(files["Pretrain.json"])]
    assert decode_ids(tensors["ids"]) == ids
    assert np.array_equal(tensors["vectors"], vectors_of(ids).astype(np.float16))
    rows = pl.read_parquet(files["Pretrain-00000.parquet"])
    assert rows["id"].to_list() == ids
    assert rows["shard"].unique(maintain_order=True).to_list() == list(SHARDS)
    assert set(rows["model"]) == {MODEL}
    assert np.array_equal(np.stack(rows["vector"].to_list()), tensors["vectors"])
    offsets = np.load(io.BytesIO(files["Pretrain.offsets.npy"]))
    lines = [files["Pretrain.json"][start : end - 2] for start, end in itertools.pairwise(offsets)]
    assert [json.loads(line)["id"] for line in lines] == ids
    assert rows["conversations"].to_list() == [r["conversations"] for r in json.loads(files["Pretrain.json"])]


def test_parquet_goes_on_from_file_to_file(disk_lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "GROUP", 2)
    monkeypatch.setattr(writers, "FILE_BYTES", 1)
    info = release_pretrain(fill(disk_lake, rows=5), RECIPE, SHARDS, facts())
    names = sorted(name for name in info.files if name.endswith(".parquet"))
    assert names == [f"Pretrain-0000{number}.parquet" for number in range(5)]
    assert [info.files[name].rows for name in names] == [2, 2, 2, 2, 1]
    assert verify_release(info.path) == []
    manifest = release_manifest(disk_lake, info.asset, info.version)
    ids = [json.loads(line.rstrip(",")) for line in Path(info.path, "Pretrain.json").read_text().splitlines()[1:-1]]
    for number in (0, 4, 8):
        assert release_id(disk_lake, info.asset, manifest, number) == ids[number]["id"]
    assert release_row(disk_lake, info.asset, manifest, ids[8]["id"], SHARDS[2]) == 8
    assert release_id(disk_lake, info.asset, manifest, 9) is None


def test_instructions_carry_only_the_embeddings_of_their_captions(lake: Lake) -> None:
    fill(lake)
    info = release_instruction(lake, RECIPE, SHARDS, facts())
    assert (info.asset, info.rows) == ("unicorn_471k_instruction", 3)
    assert verify_release(info.path) == []
    files = files_of(lake, info.path)
    instructions = lake.read_many("instructions", SHARDS)
    records = json.loads(files["Instruction.json"])
    assert [record["id"] for record in records] == instructions["caption_id"].to_list()
    assert [record["conversations"] for record in records] == instructions["conversations"].to_list()
    tensors = load(files["embeddings.safetensors"])
    assert np.array_equal(tensors["vectors"], vectors_of([r["id"] for r in records]).astype(np.float16))


def test_the_same_inputs_give_the_same_version_and_bytes_anywhere(tmp_path: Path, s3_url: str) -> None:
    lakes = [fill(Lake(str(tmp_path / "one"))), fill(Lake(str(tmp_path / "two"))), fill(Lake(s3_url))]
    orders = [SHARDS, SHARDS[::-1], (*SHARDS, SHARDS[0])]
    for release in (release_pretrain, release_instruction):
        made = [release(lake, RECIPE, order, facts()) for lake, order in zip(lakes, orders, strict=True)]
        assert len({info.version for info in made}) == 1
        contents = [files_of(lake, info.path) for lake, info in zip(lakes, made, strict=True)]
        assert contents[0] == contents[1] == contents[2]


def test_a_version_that_is_there_is_reused_as_it_is(lake: Lake) -> None:
    fill(lake)
    first = release_pretrain(lake, RECIPE, SHARDS, facts())
    with mock.patch.object(lake.files, "writing", side_effect=AssertionError("nothing is to be written")):
        again = release_pretrain(lake, RECIPE, SHARDS, facts())
    assert (again.version, again.path, again.files) == (first.version, first.path, first.files)
    assert not again.created
    assert latest_release(lake, "unicorn_1_2m") == first.version


def test_what_enters_a_release_changes_its_version_and_nothing_else_does(disk_lake: Lake) -> None:
    fill(disk_lake)

    def version(recipe=RECIPE, known=None, shards=SHARDS) -> str:
        return release_pretrain(disk_lake, recipe, shards, known or facts()).version

    first = version()
    unshaping = small_recipe(checks={"max_gap_after": 0.5}, llm={"concurrency": 3})
    assert version(recipe=unshaping) == first
    disk_lake.files.remove_folder("tables/instructions")
    assert version() == first, "later stages are no part of the captions' release"
    others = [
        version(recipe=small_recipe(captions={"prompt": "short"})),
        version(recipe=small_recipe(llm={"model": "another"})),
        version(known=facts(gap_after={"centroid distance": 0.2})),
        version(shards=SHARDS[:2]),
    ]
    disk_lake.write("captions", SHARDS[0], disk_lake.read("captions", SHARDS[0])[::-1], Made())
    others.append(version())
    assert len({first, *others}) == 6
    assert release_versions(disk_lake, "unicorn_1_2m") == sorted({first, *others})
    assert latest_release(disk_lake, "unicorn_1_2m") == others[-1]


def test_latest_goes_back_when_an_older_version_is_asked_for_again(lake: Lake) -> None:
    fill(lake)
    first = release_pretrain(lake, RECIPE, SHARDS, facts())
    second = release_pretrain(lake, RECIPE, SHARDS[:1], facts())
    assert latest_release(lake, "unicorn_1_2m") == second.version
    assert not release_pretrain(lake, RECIPE, SHARDS, facts()).created
    assert latest_release(lake, "unicorn_1_2m") == first.version


class Stopped(BaseException):
    """Stands for a signal that ends the process."""


@pytest.mark.parametrize("after", [0, 1, 2])
def test_an_interrupted_release_is_not_there_and_the_next_run_makes_it(lake: Lake, after: int) -> None:
    fill(lake)
    left = [after]

    def stop(rows: int) -> None:
        if not left[0]:
            raise Stopped
        left[0] -= 1

    with pytest.raises(Stopped):
        release_pretrain(lake, RECIPE, SHARDS, facts(), stop)
    assert release_versions(lake, "unicorn_1_2m") == []
    assert latest_release(lake, "unicorn_1_2m") is None
    assert lake.files.walk("releases", "json") == []
    assert verify_release(release_pretrain(lake, RECIPE, SHARDS, facts()).path) == []


def test_leftovers_of_a_killed_writer_are_cleaned_up(lake: Lake) -> None:
    fill(lake)
    version = release_pretrain(lake, RECIPE, SHARDS, facts()).version
    folder = f"releases/unicorn_1_2m/{version}"
    # On S3, and on disk for a copy that was cut off: data without a manifest.
    lake.files.remove(f"{folder}/manifest.json")
    lake.files.write(f"{folder}/stray.bin", b"x")
    lake.files.write("releases/unicorn_1_2m/.0123.writing/Pretrain.json", b"half")
    assert release_versions(lake, "unicorn_1_2m") == []
    info = release_pretrain(lake, RECIPE, SHARDS, facts())
    assert (info.version, info.created, verify_release(info.path)) == (version, True, [])
    if lake.files.is_local:
        assert not lake.files.exists("releases/unicorn_1_2m/.0123.writing")


DAMAGED = {
    "cut": "Pretrain.json has 1 bytes, the manifest says",
    "missing": "Pretrain.json is missing",
    "bit": "Pretrain.json was changed",
    "manifest": "manifest.json: it is no manifest",
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_release_is_never_kept_nor_written_over(lake: Lake, damage: str) -> None:
    fill(lake)
    info = release_pretrain(lake, RECIPE, SHARDS, facts())
    before = files_of(lake, info.path)
    folder = f"releases/unicorn_1_2m/{info.version}"
    file = "manifest.json" if damage == "manifest" else "Pretrain.json"
    bit = bytes([before[file][0] ^ 1]) + before[file][1:]
    if damage == "missing":
        lake.files.remove(f"{folder}/{file}")
    else:
        lake.files.write(f"{folder}/{file}", bit if damage == "bit" else b"[")
    heard: list[Damage] = []
    with lake.events.heard(Damage, heard.append):
        again = release_pretrain(lake, RECIPE, SHARDS, facts())
    assert again.created
    assert again.version == info.version
    assert files_of(lake, info.path) == before
    (told,) = heard
    assert DAMAGED[damage] in str(told)
    assert lake.files.exists(told.aside), "what was found is kept for whoever wants to look"
    assert release_versions(lake, "unicorn_1_2m") == [info.version]


def test_records_and_vectors_must_join(disk_lake: Lake) -> None:
    fill(disk_lake)
    ids, vectors = disk_lake.read_vectors("image_embeddings", SHARDS[1])

    def refusal(new_ids: list[str], rows: list[int], release=release_pretrain) -> str:
        disk_lake.write_vectors("image_embeddings", SHARDS[1], new_ids, vectors[rows], Made())
        with pytest.raises(UserError) as error:
            release(disk_lake, RECIPE, SHARDS, facts())
        assert disk_lake.files.walk("releases", "json") == []
        return error.value.message

    assert f"no vector for caption {ids[1]}" in refusal(ids[:1], [0])
    assert "a vector for c-stray, which is no caption" in refusal([*ids, "c-stray"], [0, 1, 0])
    assert f"two vectors for {ids[0]}" in refusal([*ids, ids[0]], [0, 1, 0])
    missing = disk_lake.read("instructions", SHARDS[1])["caption_id"][0]
    others = [row for row, each in enumerate(ids) if each != missing]
    assert f"no vector for caption {missing}" in refusal([ids[row] for row in others], others, release_instruction)


def test_vectors_that_no_trainer_could_use_are_refused(disk_lake: Lake) -> None:
    fill(disk_lake)
    ids, vectors = disk_lake.read_vectors("image_embeddings", SHARDS[0])
    with pytest.raises(UserError, match="has 8 numbers, the encoder's dimension is 16"):
        release_pretrain(disk_lake, RECIPE, SHARDS, facts(dimension=16))
    broken = vectors.copy()
    broken[1, 3] = np.nan
    disk_lake.write_vectors("image_embeddings", SHARDS[0], ids, broken, Made())
    with pytest.raises(UserError, match=f"vector of {ids[1]} holds NaN"):
        release_pretrain(disk_lake, RECIPE, SHARDS, facts())


def test_one_id_in_two_shards_is_refused(disk_lake: Lake) -> None:
    fill(disk_lake)
    disk_lake.write("captions", SHARDS[1], disk_lake.read("captions", SHARDS[0]), Made())
    ids, vectors = disk_lake.read_vectors("image_embeddings", SHARDS[0])
    disk_lake.write_vectors("image_embeddings", SHARDS[1], ids, vectors, Made())
    with pytest.raises(UserError, match=f"two records have the id {min(ids)}"):
        release_pretrain(disk_lake, RECIPE, SHARDS, facts())


def test_missing_shards_and_empty_releases_are_clear_errors(disk_lake: Lake) -> None:
    fill(disk_lake, SHARDS[:1])
    with pytest.raises(UserError, match="captions has no shard 'birds-00001'"):
        release_pretrain(disk_lake, RECIPE, SHARDS[:2], facts())
    disk_lake.write("captions", SHARDS[0], disk_lake.read("captions", SHARDS[0])[:0], Made())
    with pytest.raises(UserError, match="unicorn_1_2m would be empty"):
        release_pretrain(disk_lake, RECIPE, SHARDS[:1], facts())


def test_a_shard_without_accepted_rows_is_no_obstacle(disk_lake: Lake) -> None:
    fill(disk_lake)
    disk_lake.write("captions", SHARDS[0], disk_lake.read("captions", SHARDS[0])[:0], Made())
    disk_lake.write_vectors("image_embeddings", SHARDS[0], [], np.zeros((0, 8)), Made())
    info = release_pretrain(disk_lake, RECIPE, SHARDS, facts())
    assert (info.rows, verify_release(info.path)) == (4, [])


def test_the_manifest_names_everything_that_the_release_is_made_of(disk_lake: Lake) -> None:
    info = release_pretrain(fill(disk_lake), RECIPE, SHARDS, facts())
    manifest = release_manifest(disk_lake, "unicorn_1_2m", info.version)
    contents = {f"captions/{shard}": disk_lake.info("captions", shard) for shard in SHARDS}
    contents |= {f"image_embeddings/{shard}": disk_lake.vector_info("image_embeddings", shard) for shard in SHARDS}
    assert manifest["parents"] == {name: content.content for name, content in contents.items() if content}
    assert manifest["facts"]["packages"] == {"numpy": "2"}
    assert manifest["counts"]["quarantined"] == {"caption_drafts": {"too_short": 3}, "captions": {"near_duplicate": 3}}
    assert manifest["counts"]["rows"]["seeds"] == 12
    assert manifest["files"]["Pretrain.json"]["rows"] == 6
    with pytest.raises(UserError, match="no release unicorn_1_2m 0000"):
        release_manifest(disk_lake, "unicorn_1_2m", "0000")
