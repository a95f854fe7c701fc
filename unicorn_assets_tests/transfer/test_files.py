"""Fitting and applying on files: every format, refusals by name, and nothing half-written, even when killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import decode_ids, encode_ids
from unicorn_assets.transfer import METHODS, Transfer, fit
from unicorn_assets.transfer.files import apply_files, fit_files
from unicorn_assets.transfer.samples import sample_sides
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

D = 16
SPACE = Space("unknown", "unknown", D)


def rows(seed: int, n: int = 500) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, D)) * np.linspace(0.3, 1, D) + rng.normal(size=D) / 2).astype(np.float16)


def names(n: int, first: int = 0) -> list[str]:
    return [f"c{first + i}" for i in range(n)]


def save(path: Path, vectors: np.ndarray, ids: list[str] | None = None, about: dict[str, str] | None = None) -> str:
    if path.suffix == ".npy":
        np.save(path, vectors)
    elif path.suffix == ".parquet":
        columns = {"vectors": list(vectors.astype(np.float32))} | ({"id": ids} if ids else {})
        pq.write_table(pa.table(columns), path)
    else:
        tensors = {"vectors": vectors} | ({"ids": encode_ids(ids)} if ids else {})
        save_file(tensors, path, about)
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A folder of three shards with ids, and a file of images."""
    folder = tmp_path / "text"
    folder.mkdir()
    for number in range(3):
        save(folder / f"web-{number}.safetensors", rows(1, 600)[number * 200 :][:200], names(200, number * 200))
    return str(folder), save(tmp_path / "images.npy", rows(2))


@pytest.mark.parametrize("method", METHODS)
def test_files_give_what_matrices_give(method: str, files: tuple[str, str], tmp_path: Path) -> None:
    text, images = files
    shards = np.split(rows(1, 600), 3)
    image = Statistics(SPACE, covariance=method == "aniso_init").add(rows(2))
    known = Statistics(SPACE, covariance=method == "aniso_init")
    for shard in shards:
        known.add(shard)
    expected = fit(method, 2, image, lambda: shards, text=known)
    fitted = fit_files(method, 2, text, images)
    assert fitted.to_bytes() == expected.to_bytes()
    done: list[int] = []
    assert apply_files(fitted, text, str(tmp_path / "out.safetensors"), on_rows=done.append) == 600 == sum(done)
    moved = load_file(tmp_path / "out.safetensors")
    half = np.empty((600, D), np.float16)
    fitted.apply_half(rows(1, 600), half)
    np.testing.assert_allclose(moved["vectors"].astype(float), half.astype(float), atol=1e-3)
    assert decode_ids(moved["ids"]) == names(600)
    apply_files(fitted, text, str(tmp_path / "folder"))
    parts = [load_file(tmp_path / "folder" / f"web-{number}.safetensors") for number in range(3)]
    assert np.concatenate([part["vectors"] for part in parts]).tobytes() == moved["vectors"].tobytes()
    apply_files(fitted, images, str(tmp_path / "out.npy"), images=True)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), fitted.image_side(rows(2)), atol=1e-3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "images.npy", "out.npy", "out.safetensors", "text"]


@pytest.mark.parametrize("ending", [".npy", ".safetensors", ".parquet"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_each_format_and_precision_is_read(ending: str, dtype: type, tmp_path: Path) -> None:
    text = save(tmp_path / f"text{ending}", rows(1).astype(dtype), None if ending == ".npy" else names(500))
    images = save(tmp_path / f"images{ending}", rows(2).astype(dtype))
    fitted = fit_files("mean_shift", 1, text, images)
    expected = fit("mean_shift", 1, Statistics(SPACE).add(rows(2)), lambda: [rows(1)])
    np.testing.assert_allclose(fitted.parameters["text_mean"], expected.parameters["text_mean"], atol=1e-12)
    out = str(tmp_path / "out.safetensors")
    assert apply_files(fitted, text, out) == 500
    np.testing.assert_allclose(load_file(out)["vectors"], expected.apply(rows(1)), atol=1e-3)


def bad(value: float) -> np.ndarray:
    found = rows(1, 200)
    found[150] = 0
    found[150, 3] = value
    return found


def test_bad_rows_dimensions_ids_and_encoders_are_named(files: tuple[str, str], tmp_path: Path) -> None:
    text, images = files
    shard = Path(text) / "web-1.safetensors"
    for value, words in ((np.nan, "NaN"), (np.inf, "Inf"), (0.0, "all zero")):
        save(shard, bad(value), names(200, 200))
        with pytest.raises(UserError, match=rf"web-1.safetensors: row 150 \(id c350\).*{words}"):
            fit_files("realign", 1, text, images)
        good = fit("realign", 1, Statistics(SPACE).add(rows(2)), lambda: [rows(1)])
        with pytest.raises(UserError, match=rf"web-1.safetensors: row 150 \(id c350\).*{words}"):
            apply_files(good, text, str(tmp_path / "out.safetensors"))
    assert not (tmp_path / "out.safetensors").exists()
    save(shard, rows(3, 200)[:, :9].copy(), names(200, 200))
    with pytest.raises(UserError, match=r"web-1.safetensors: the vectors have 9 dimensions, those of .*web-0"):
        fit_files("realign", 1, text, images)
    save(shard, rows(3, 200), names(200, 100))
    with pytest.raises(
        UserError, match=r"web-1.safetensors: id 'c100' occurs twice, in row 100 of .*web-0.* and row 0"
    ):
        fit_files("realign", 1, text, images)
    save(shard, rows(3, 200), names(200, 200), {"encoder": "a", "revision": "1"})
    save(Path(text) / "web-2.safetensors", rows(3, 200), names(200, 400), {"encoder": "a", "revision": "2"})
    with pytest.raises(UserError, match=r"web-2.safetensors come from a \(revision 2"):
        fit_files("realign", 1, text, images)


def test_what_was_moved_is_not_moved_again_and_other_encoders_are_refused(tmp_path: Path) -> None:
    about = {"encoder": "a", "revision": "1"}
    text = save(tmp_path / "text.safetensors", rows(1), names(500), about)
    images = save(tmp_path / "images.npy", rows(2))
    fitted = fit_files("mean_shift", 1, text, images)
    assert fitted.space == Space("a", "1", D)
    moved = str(tmp_path / "moved.safetensors")
    apply_files(fitted, text, moved)
    with pytest.raises(UserError, match=r"moved.safetensors: these vectors were moved before, by mean_shift"):
        apply_files(fitted, moved, str(tmp_path / "again.safetensors"))
    other = save(tmp_path / "other.safetensors", rows(1), names(500), about | {"revision": "2"})
    with pytest.raises(UserError, match=r"other.safetensors come from a \(revision 2"):
        apply_files(fitted, other, moved)
    with pytest.raises(UserError, match="no place for the ids"):
        apply_files(fitted, text, str(tmp_path / "out.npy"))


@pytest.mark.parametrize("content", [b"", b"x" * 40, b"\xff" * 100])
@pytest.mark.parametrize("ending", [".npy", ".safetensors", ".parquet"])
def test_damaged_files_are_one_clear_error(content: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"text{ending}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"text{ending}"):
        fit_files("none", 1, str(path), save(tmp_path / "images.npy", rows(2)))


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    for ending in (".npy", ".safetensors"):
        path = tmp_path / f"text{ending}"
        save(path, rows(1))
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(UserError, match=f"text{ending}: cannot read vectors"):
            fit_files("none", 1, str(path), str(path))


KILLED = """
import os, signal, sys
from unicorn_assets.transfer import files as vector_transfer
from unicorn_assets.transfer import Transfer
from pathlib import Path
done = 0
def kill(rows):
    global done
    done += rows
    if done >= 400:
        os.kill(os.getpid(), int(sys.argv[4]))
transfer = Transfer.from_bytes(Path(sys.argv[1]).read_bytes())
vector_transfer.apply_files(transfer, sys.argv[2], sys.argv[3], on_rows=kill)
"""


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("before", [b"", b"what was there before"])
def test_a_kill_during_apply_leaves_no_half_file(
    signal_number: int, before: bytes, files: tuple[str, str], tmp_path: Path
) -> None:
    text, images = files
    move = tmp_path / "transfer.safetensors"
    move.write_bytes(fit_files("realign", 1, text, images).to_bytes())
    folder = tmp_path / "out"
    folder.mkdir()
    if before:
        (folder / "moved.safetensors").write_bytes(before)
    command = [
        sys.executable,
        "-c",
        KILLED,
        str(move),
        text,
        str(folder / "moved.safetensors"),
        str(int(signal_number)),
    ]
    ended = subprocess.run(command, env=os.environ, capture_output=True, timeout=120, check=False)
    assert ended.returncode != 0
    left = {path.name: path.read_bytes() for path in folder.iterdir()}
    if not hasattr(os, "O_TMPFILE"):
        left = {name: data for name, data in left.items() if not name.startswith(".")}
    assert left == ({"moved.safetensors": before} if before else {})


def test_samples_for_a_report_are_paired_by_id_or_by_number(files: tuple[str, str], tmp_path: Path) -> None:
    text, _ = files
    pictures = save(tmp_path / "pictures.safetensors", rows(1, 600)[::-1].copy(), names(600)[::-1])
    move = Transfer("none", SPACE, {})
    one, other, pairs = sample_sides(move, text, pictures, True)
    assert pairs is not None
    np.testing.assert_array_equal(pairs[0], pairs[1])
    assert (len(one), len(other), len(pairs[0])) == (300, 300, 300)
    assert not {row.tobytes() for row in one} & {row.tobytes() for row in pairs[0]}
    assert sample_sides(move, text, pictures, False)[2] is None
    with pytest.raises(UserError, match="cannot be paired by number"):
        sample_sides(move, text, save(tmp_path / "few.npy", rows(2, 30)), True)
    with pytest.raises(UserError, match="no id of"):
        sample_sides(move, text, save(tmp_path / "x.safetensors", rows(2, 30), names(30, 9000)), True)
