import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from unicorn_assets.ids import digest
from unicorn_assets.lake.released import manifest_bytes
from unicorn_assets.lake.store import Lake
from unicorn_assets.release import release_instruction, verify_release
from unicorn_assets_tests.small_lake import SHARDS, facts, fill, small_recipe


@pytest.fixture
def release(disk_lake: Lake, tmp_path: Path) -> Path:
    """A sound release, copied away from its lake."""
    info = release_instruction(fill(disk_lake), small_recipe(), SHARDS, facts())
    return Path(shutil.copytree(info.path, tmp_path / "copy"))


def rewrite(release: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change a file and make the manifest agree with it, so that only what the rows say can be wrong."""
    data = change((release / name).read_bytes())
    (release / name).write_bytes(data)
    manifest = json.loads((release / "manifest.json").read_text())
    manifest["files"][name] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    write_manifest(release, manifest)


def write_manifest(release: Path, manifest: dict) -> None:
    (release / "manifest.json").write_bytes(manifest_bytes({k: v for k, v in manifest.items() if k != "seal"}))


def rewrite_records(release: Path, change: Callable[[list[dict]], object]) -> list[str]:
    def changed(data: bytes) -> bytes:
        records = json.loads(data)
        change(records)
        return b"[\n" + b",\n".join(json.dumps(record).encode() for record in records) + b"\n]\n"

    rewrite(release, "Instruction.json", changed)
    return verify_release(str(release))


def test_a_copy_is_sound(release: Path) -> None:
    assert verify_release(str(release)) == []


@pytest.mark.parametrize(
    "name", ["Instruction.json", "Instruction-00000.parquet", "embeddings.safetensors", "README.md"]
)
def test_changed_cut_and_missing_files_are_named(release: Path, name: str) -> None:
    data = (release / name).read_bytes()
    (release / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert verify_release(str(release)) == [f"{name} was changed: its sha256 is another"]
    (release / name).write_bytes(data[:-1])
    assert verify_release(str(release)) == [f"{name} has {len(data) - 1:,} bytes, the manifest says {len(data):,}"]
    (release / name).unlink()
    assert verify_release(str(release)) == [f"{name} is missing"]


def test_strangers_in_the_folder_are_named(release: Path) -> None:
    (release / "notes.txt").write_text("mine")
    assert verify_release(str(release)) == ["notes.txt does not belong to the release"]


def test_a_folder_without_a_sound_manifest_is_no_release(release: Path, tmp_path: Path) -> None:
    for damaged in ("{", "[]", '{"files": {}}'):
        (release / "manifest.json").write_text(damaged)
        (problem,) = verify_release(str(release))
        assert problem.startswith("manifest.json is damaged")
    assert "it is no release" in verify_release(str(tmp_path / "nowhere"))[0]


def test_roles_must_alternate_and_the_first_turn_carry_the_image(release: Path) -> None:
    def swap(records: list[dict]) -> None:
        records[1]["conversations"][0]["from"] = "gpt"

    problem, *_ = rewrite_records(release, swap)
    assert problem.startswith("Instruction.json, line 3: the record has the roles gpt, gpt,")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda records: records[0]["conversations"].pop(), "must alternate"),
        (lambda records: records[0]["conversations"].clear(), "has the roles none"),
        (lambda records: records[0]["conversations"][0].update(value="no mark"), "must carry <image>"),
        (lambda records: records[0]["conversations"][2].update(value="<image> again"), "and in no other"),
        (lambda records: records[0].pop("caption"), "KeyError('caption')"),
        (lambda records: records[0].update(caption=""), "has no caption"),
        (lambda records: records[0].update(id="c-other"), "row 0: its id is"),
        (lambda records: records.reverse(), "row 0: its id is"),
        (lambda records: records.pop(), "manifest.json says 3 rows, the JSON array holds 2"),
    ],
)
def test_wrong_records_are_named(release: Path, change: Callable[[list[dict]], object], problem: str) -> None:
    assert any(problem in found for found in rewrite_records(release, change))


def test_vectors_that_are_not_finite_are_named(release: Path) -> None:
    def spoil(data: bytes) -> bytes:
        start = 8 + int.from_bytes(data[:8], "little")
        return data[:start] + b"\x00\x7c" + data[start + 2 :]  # infinity in fp16

    rewrite(release, "embeddings.safetensors", spoil)
    nan, differ = verify_release(str(release))
    assert nan == "embeddings.safetensors, row 0: the vector holds NaN or infinity"
    assert differ == "Instruction-00000.parquet: vectors of rows 0 to 2 differ from embeddings.safetensors"


def test_offsets_that_lead_elsewhere_are_named(release: Path) -> None:
    rewrite(release, "Instruction.offsets.npy", lambda data: data[:-16] + bytes([data[-16] ^ 1]) + data[-15:])
    (problem,) = verify_release(str(release))
    assert problem == "Instruction.offsets.npy, row 2: it leads elsewhere than to the record"


def test_a_release_of_before_there_were_vectors_in_parquet_is_sound(release: Path) -> None:
    manifest = json.loads((release / "manifest.json").read_text())
    manifest["format"] = 1
    (release / "Instruction.offsets.npy").unlink()
    rows = pl.read_parquet(release / "Instruction-00000.parquet").drop("vector")
    (release / "Instruction-00000.parquet").unlink()
    rows.write_parquet(release / "Instruction.parquet")
    for name in ("Instruction.offsets.npy", "Instruction-00000.parquet"):
        del manifest["files"][name]
    data = (release / "Instruction.parquet").read_bytes()
    listed = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "rows": 3}
    manifest["files"]["Instruction.parquet"] = listed
    versioned = ("asset", "counts", "facts", "format", "parents", "recipe")
    manifest["version"] = digest({key: manifest[key] for key in versioned}, 6)
    write_manifest(release, manifest)
    assert verify_release(str(release)) == []
