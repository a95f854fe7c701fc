"""Files of vectors, moves and references of strangers through the command line: done, or refused in a line."""

import io
import json
import os
import random
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load, load_file, save

from unicorn_assets.errors import UserError
from unicorn_assets.images.reference import ImageReference
from unicorn_assets.transfer import METHODS
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics
from unicorn_assets_tests.transfer.strange_vectors import (
    WRITERS,
    D,
    listed,
    mutated,
    npy,
    parquet,
    refused,
    rows,
    unicorn,
)


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("seed", range(4))
def test_mutations_of_vectors_are_moved_or_refused(ending: str, seed: int, here: Path) -> None:
    chance = random.Random(f"{ending}{seed}")
    whole = WRITERS[ending](rows(1))
    bad, out = Path(f"bad.{ending}"), Path("out.safetensors")
    for number in range(25):
        bad.write_bytes(mutated(whole, chance))
        method = chance.choice(METHODS)
        fit = chance.random() < 0.5
        if fit:
            arguments = ("fit", "--text", str(bad), "--images", "images.npy", "--method", method)
        else:
            arguments = ("apply", "--text", str(bad), "--transfer", f"{method}.safetensors")
        result = unicorn(*arguments, "--out", str(out))
        assert result.exit_code in (0, 2), (number, result.output)
        assert len(result.output.splitlines()) <= 10
        assert out.exists() == (result.exit_code == 0)
        if out.exists():
            assert all(np.isfinite(one).all() for one in load_file(out).values()), (number, arguments)
            out.unlink()
        assert not list(here.glob(".*"))


@pytest.mark.parametrize("method", METHODS)
def test_mutations_of_a_move_are_used_or_refused(method: str, here: Path) -> None:
    chance = random.Random(method)
    whole = Path(f"{method}.safetensors").read_bytes()
    bad, out = Path("bad.safetensors"), Path("out.npy")
    for number in range(30):
        bad.write_bytes(mutated(whole, chance))
        side = chance.choice(("--text", "--images"))
        result = unicorn("apply", "--transfer", str(bad), side, "text.npy", "--out", str(out))
        assert result.exit_code in (0, 2), (number, result.output)
        assert len(result.output.splitlines()) <= 10
        if out.exists():
            assert result.exit_code == 0
            assert np.isfinite(np.load(out)).all(), number
            out.unlink()


def edited(data: bytes, **changes: object) -> bytes:
    """A packed file whose manifest says something else."""
    length = int.from_bytes(data[:8], "little")
    about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["unicorn"])
    about = {key: value for key, value in (about | changes).items() if value is not ...}
    return save(load(data), {"unicorn": json.dumps(about)})


def test_moves_that_lack_or_distort_something_are_refused_by_name(here: Path) -> None:
    whole = Path("realign.safetensors").read_bytes()
    aniso = load(Path("aniso_init.safetensors").read_bytes())
    about = {"method": "aniso_init"}
    cases: list[tuple[bytes, str]] = [
        (edited(whole, method="magic"), "method is 'magic'"),
        (edited(whole, method=...), "method"),
        (edited(whole, dimension=9), "has the shape"),
        (edited(whole, dimension=-1), "dimension is -1"),
        (edited(whole, dimension=True), "dimension is True"),
        (edited(whole, dimension=1 << 62), "dimension is"),
        (edited(whole, counts={"text": 0}), "counts is 0"),
        (edited(whole, counts=3), "not a readable transfer"),
        (edited(whole, noise_cosine=float("nan")), "noise cosine"),
        (edited(whole, noise_cosine=0), "noise cosine"),
        (edited(whole, passes=10**9), "passes"),
        (edited(whole, format=2), "format 2"),
        (edited(whole, kind="image_reference"), "expected a transfer"),
    ]

    def with_tensor(name: str, value: np.ndarray | None, **more: object) -> bytes:
        found = {key: one.copy() for key, one in load(whole).items()} | ({} if value is None else {name: value})
        if value is None:
            del found[name]
        length = int.from_bytes(whole[:8], "little")
        said = json.loads(json.loads(whole[8 : 8 + length])["__metadata__"]["unicorn"])
        return save(found, {"unicorn": json.dumps(said | more)})

    nothing = np.full(D, np.nan)
    cases += [
        (with_tensor("text_mean", nothing), "text_mean holds NaN"),
        (with_tensor("offset", np.full(D, np.inf)), "offset holds NaN"),
        (with_tensor("scale", np.array([1e300])), "scale holds"),
        (with_tensor("scale", None), "scale is missing"),
        (with_tensor("image_mean", None), "image_mean is missing"),
        (with_tensor("image_mean", np.zeros((1, D))), "image_mean has the shape"),
        (with_tensor("image_mean", np.zeros(D, np.int64)), "image_mean is of type int64"),
        (with_tensor("basis", aniso["basis"][:, :1].copy(), **about), "basis has 1 columns"),
        (with_tensor("basis", aniso["basis"], **about), "text_radii is missing"),
    ]
    before = sorted([*listed(), "bad.safetensors"])
    for data, words in cases:
        Path("bad.safetensors").write_bytes(data)
        for command in ("apply", "report"):
            more = ("--images", "images.npy") if command == "report" else ()
            to = "o.html" if more else "o.npy"
            result = unicorn(command, "--transfer", "bad.safetensors", "--text", "text.npy", *more, "--out", to)
            refused(result, words, before)


def lying(shape: object, offsets: object, dtype: str = "F32", length: int | None = None) -> bytes:
    header = json.dumps({"vectors": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + bytes(64)


def npy_of(shape: str, descr: str = "<f4", order: str = "False") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64)


LIES: dict[str, tuple[str, bytes]] = {
    "too many rows": ("a.safetensors", lying([1 << 40, 4], [0, 1 << 44])),
    "other size": ("a.safetensors", lying([4, 4], [0, 16])),
    "below zero": ("a.safetensors", lying([-4, 4], [0, 64])),
    "2^63": ("a.safetensors", lying([1 << 63, 0], [0, 0])),
    "backwards": ("a.safetensors", lying([4, 4], [64, 0])),
    "no shape": ("a.safetensors", lying(None, [0, 64])),
    "words": ("a.safetensors", lying(["4", 4], [0, 64])),
    "beyond": ("a.safetensors", lying([4, 4], [0, 64], length=1 << 20)),
    "huge header": ("a.safetensors", lying([4, 4], [0, 64], length=(1 << 63) + 5)),
    "no columns": ("a.safetensors", lying([4, 0], [0, 0])[:-64]),
    "whole numbers": ("a.safetensors", lying([4, 4], [0, 64], "I32")),
    "brain floats": ("a.safetensors", lying([8, 4], [0, 64], "BF16")),
    "deep": ("a.safetensors", struct.pack("<Q", 90_000) + b"[" * 90_000),
    "rows of npy": ("a.npy", npy_of("(1099511627776, 4)")),
    "npy below zero": ("a.npy", npy_of("(-4, 4)")),
    "npy 2^63": ("a.npy", npy_of("(9223372036854775808, 4)")),
    "npy by columns": ("a.npy", npy_of("(4, 4)", order="True")),
    "npy line": ("a.npy", npy_of("(16,)")),
    "npy no columns": ("a.npy", npy_of("(4, 0)")),
    "npy objects": ("a.npy", npy_of("(2, 2)", "|O")),
    "npy records": ("a.npy", npy(np.zeros(3, [("a", "f4"), ("b", "f4")]))),
    "npy whole numbers": ("a.npy", npy(np.ones((4, 4), np.int64))),
    "npy long": ("a.npy", npy(np.ones((4, 4), np.longdouble))),
    "npy code": ("a.npy", npy_of("__import__('os').system('touch marker')")),
    "npy zero": ("a.npy", npy(np.zeros((4, D), np.float32))),
    "parquet lengths": ("a.parquet", b"PAR1" + bytes(40) + struct.pack("<I", 1 << 31) + b"PAR1"),
    "parquet of words": ("a.parquet", b""),
}


def test_headers_that_lie_are_refused(here: Path) -> None:
    table = io.BytesIO()
    pq.write_table(pa.table({"vectors": [["a", "b"], ["c", "d"]]}), table)
    before = listed()
    for name, (file, data) in LIES.items():
        Path(file).write_bytes(data or table.getvalue())
        for arguments in (
            ("fit", "--text", file, "--images", "images.npy", "--out", "o.safetensors"),
            ("fit", "--images", file, "--text", "text.npy", "--out", "o.safetensors", "--method", "none"),
            ("apply", "--text", file, "--transfer", "mean_shift.safetensors", "--out", "o.npy"),
        ):
            result = unicorn(*arguments)
            assert result.exit_code == 2, (name, result.output)
            refused(result, file, sorted([*before, file]))
        Path(file).unlink()


def test_other_orders_of_bytes_and_types_are_the_same_vectors(here: Path) -> None:
    found = []
    for dtype in ("<f4", ">f4", "<f8", ">f8"):
        np.save("x.npy", rows(1).astype(dtype))
        assert unicorn("fit", "--text", "x.npy", "--images", "images.npy", "--out", "m.safetensors").exit_code == 0
        assert unicorn("apply", "--text", "x.npy", "--transfer", "m.safetensors", "--out", "o.npy").exit_code == 0
        found.append(np.load("o.npy"))
    for one in found[1:]:
        np.testing.assert_array_equal(one, found[0])


def test_a_few_bytes_of_parquet_do_not_become_gigabytes(here: Path) -> None:
    zeros = pa.array([np.zeros(30_000_000, np.float32)])
    pq.write_table(pa.table({"vectors": zeros}), "a.parquet", compression="zstd")
    assert Path("a.parquet").stat().st_size < 2000
    refused(unicorn("fit", "--text", "a.parquet", "--images", "images.npy", "--out", "o.safetensors"), "values")
    names = pa.array(["x" * 9000] * 5)
    pq.write_table(pa.table({"id": names, "vectors": list(rows(1, 5))}), "a.parquet", compression="zstd")
    refused(unicorn("fit", "--text", "a.parquet", "--images", "images.npy", "--out", "o.safetensors"), "an id has")
    names = pa.array([f"{i}" for i in range(200_000)] + ["x" * 4000])
    vectors = pa.array(list(np.tile(rows(1, 1), (200_001, 1))))
    pq.write_table(pa.table({"id": names, "vectors": vectors}), "a.parquet", compression="zstd")
    refused(unicorn("fit", "--text", "a.parquet", "--images", "images.npy", "--out", "o.safetensors"), "ids are far")


def test_damage_in_a_later_part_is_told_and_leaves_nothing(here: Path) -> None:
    data = bytearray(parquet(rows(1, 40_000), row_group_size=10_000, compression="none"))
    middle = len(data) * 6 // 10
    data[middle : middle + 300_000] = os.urandom(1) * 300_000
    Path("bad.parquet").write_bytes(data)
    before = listed()
    refused(unicorn("fit", "--text", "bad.parquet", "--images", "images.npy", "--out", "o.safetensors"), "bad", before)
    arguments = ("apply", "--text", "bad.parquet", "--transfer", "none.safetensors", "--out", "o.safetensors")
    refused(unicorn(*arguments), "bad.parquet", before)


def test_mutations_of_a_reference_are_read_or_refused() -> None:
    space = Space("a", "1", D)
    whole = ImageReference(Statistics(space, True).add(rows(1)), rows(1).astype(np.float16), source="x").to_bytes()
    chance = random.Random(9)
    for _ in range(300):
        try:
            found = ImageReference.from_bytes(mutated(whole, chance))
        except UserError as error:
            assert len(str(error)) < 600  # noqa: PT017
        else:
            assert np.isfinite(found.statistics.mean).all()
            assert np.isfinite(found.sample).all()
            assert found.set_aside >= 0
