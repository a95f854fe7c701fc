"""Images, archives and Parquet files of strangers: a bad one is set aside with its name, nothing waits or explodes."""

import gzip
import io
import os
import random
import socket
import struct
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unicorn_assets.encoders.pictures import on_white
from unicorn_assets.images.decoding import decode
from unicorn_assets.images.entries import MAX_LISTED, Corrupt
from unicorn_assets_tests.images.pictures import encoded, write_parquet, write_tar
from unicorn_assets_tests.images.test_files import bomb, read


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **options)
    return data.getvalue()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of two by two pixels with more chunks after its head."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0))
    more = b"".join(chunk(*one) for one in chunks)
    pixels = chunk(b"IDAT", zlib.compress(bytes(14)))
    return b"\x89PNG\r\n\x1a\n" + head + more + pixels + chunk(b"IEND", b"")


ZEROS = zlib.compress(bytes(80 << 20), 9)
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/tmp/marker) (w) file closefile\nshowpage\n"
REFUSED = {
    "eps": (POSTSCRIPT, "not an image"),
    "pcx": (saved(Image.new("RGB", (9, 9)), "PCX"), "not an image"),
    "ppm": (saved(Image.new("RGB", (9, 9)), "PPM"), "not an image"),
    "line": (saved(Image.new("L", (1, 100_000)), "PNG"), "one side is more than 200 times the other"),
    "wide": (bomb(30_000_000, 1), "one side"),
    "square": (bomb(9_487, 9_487), "more than 90,000,000 pixels"),
    "text": (png((b"zTXt", b"a\0\0" + ZEROS)), "damaged"),
    "float": (saved(Image.new("F", (9, 9)), "TIFF"), "32 bits"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_nobody_needs_or_nobody_can_hold_is_refused(name: str) -> None:
    data, reason = REFUSED[name]
    with pytest.raises(ValueError, match=reason):
        decode(data)


def test_every_kind_of_picture_that_people_have_is_read(tmp_path: Path) -> None:
    colours = Image.new("RGB", (20, 10), (200, 100, 50))
    kinds = {
        "cmyk.jpg": saved(colours.convert("CMYK"), "JPEG"),
        "grey.png": saved(colours.convert("L"), "PNG"),
        "bits.png": saved(colours.convert("1"), "PNG"),
        "palette.gif": saved(colours, "GIF", save_all=True, append_images=[colours.rotate(90)]),
        "clear.png": saved(colours.convert("RGBA"), "PNG"),
        "moving.webp": saved(colours, "WEBP", save_all=True, append_images=[colours]),
        "moving.png": saved(colours, "PNG", save_all=True, append_images=[colours]),
        "tagged.jpg": saved(colours, "JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 200),
        "profile.png": saved(colours, "PNG", icc_profile=b"junk" * 999),
        "one.bmp": saved(colours, "BMP"),
        "one.tif": saved(colours, "TIFF", compression="tiff_lzw"),
    }
    for name, data in kinds.items():
        (tmp_path / name).write_bytes(data)
    found, corrupt = read(tmp_path)
    assert (sorted(found), corrupt) == (sorted(kinds), [])
    few = decode(saved(colours.convert("P"), "PNG", transparency=bytes(256)))
    assert on_white(few).getpixel((0, 0)) == (255, 255, 255)


def test_grey_in_16_bits_is_not_cut_off_to_white() -> None:
    grey = (np.arange(64, dtype=np.uint16) * 1024).reshape(8, 8)
    found = np.asarray(decode(saved(Image.fromarray(grey), "PNG")).convert("RGB"))
    np.testing.assert_array_equal(found[..., 0], grey >> 8)


def test_whatever_a_decoder_raises_the_others_are_read(tmp_path: Path) -> None:
    """Three hundred damaged pictures of all formats: each is read or set aside."""
    chance = random.Random(5)
    forms = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif"}
    for number in range(300):
        form = chance.choice(list(forms))
        data = bytearray(encoded(number, form, 24))
        for _ in range(chance.choice((1, 3, 20))):
            data[chance.randrange(min(len(data), 200) if chance.random() < 0.7 else len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        (tmp_path / f"{number:03}.{forms[form]}").write_bytes(data)
    found, corrupt = read(tmp_path)
    assert len(found) + len(corrupt) == 300
    assert min(len(found), len(corrupt)) > 30
    assert all(reason and reason.isprintable() and "0x" not in reason for _, reason in corrupt)


def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pipe.png", "pipe.tar", "pipe.parquet"):
        os.mkfifo(name)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket.png")
    Path("nowhere.png").symlink_to("gone")
    Path("zero.png").symlink_to("/dev/zero")
    Path("round.png").symlink_to("round.png")
    Path("folder.png").mkdir()
    Path("here.png").write_bytes(encoded(1))
    for number in range(3):
        (tmp_path / f"loop{number}").symlink_to(".")
    Path("outside.png").symlink_to(tmp_path / "here.png")
    found, corrupt = read(".")
    assert list(found) == ["here.png", "outside.png"]
    names = {name for name, _ in corrupt}
    assert names == {"pipe.png", "pipe.tar", "pipe.parquet", "socket.png", "nowhere.png", "zero.png", "round.png"}
    assert corrupt.summary().startswith("5 cannot be read")  # type: ignore[attr-defined]


def test_names_of_every_legal_character_are_told_on_one_line(tmp_path: Path) -> None:
    names = ["line\nbreak.png", "\x1b]0;title\x07.png", "tab\t.png", "\u202egnp.png", "é 漢.png", "a'\"\\[b].png"]
    for name in names:
        (tmp_path / name).write_bytes(encoded(1))
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))).write_bytes(b"x")
    write_tar(tmp_path / "a.tar", {"../../up.png": encoded(2), "/etc/root.png": encoded(3)})
    found, corrupt = read(tmp_path)
    assert len(found) == len(names) + 2
    assert all(name.isprintable() for name in found)
    assert {"é 漢.png", "line\\nbreak.png", "a.tar/../../up.png"} <= set(found)
    assert corrupt[0][0] == "\\xff\\xfe.png"
    assert not (tmp_path / "../../up.png").exists()


def header(name: bytes, size: int, kind: bytes) -> bytes:
    info = tarfile.TarInfo(name.decode())
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def tar(*parts: bytes) -> bytes:
    good = header(b"good.png", len(encoded(1)), tarfile.REGTYPE) + encoded(1).ljust(512, b"\0")
    return good + b"".join(parts)


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "name.tar.gz": lambda: gzip.compress(tar(header(b"././@LongLink", 4_500_000_000, b"L"), bytes(90 << 20)), 1),
    "attributes.tar.gz": lambda: gzip.compress(tar(header(b"p", 4_500_000_000, b"x"), bytes(90 << 20)), 1),
    "member.tar": lambda: tar(header(b"big.png", 4_500_000_000, b"0"), bytes(1024)),
    "below.tar": lambda: tar(header(b"big.png", -5, b"0"), bytes(1024)),
    "chain.tar": lambda: tar((header(b"././@LongLink", 5, b"L") + b"abcd\0".ljust(512, b"\0")) * 3000),
    "damaged.tar": lambda: tar(b"\xffjunk" * 1024, header(b"late.png", 0, b"0"), bytes(1024)),
    "empty.tar": lambda: tar(header(b"a.png", 0, b"0") * 5000, bytes(1024)),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_claims_anything_keeps_what_came_before(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(ARCHIVES[name]())
    found, corrupt = read(tmp_path / name)
    assert list(found) == [f"{name}/good.png"]
    assert 0 < len(corrupt) <= MAX_LISTED
    if name == "empty.tar":
        assert corrupt.total == 5000  # type: ignore[attr-defined]


def test_a_parquet_file_of_strangers_is_read_or_set_aside(tmp_path: Path) -> None:
    chance = random.Random(3)
    whole = write_parquet(tmp_path / "whole.parquet", [encoded(i) for i in range(12)]).read_bytes()
    for number in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 4))):
            place = chance.randrange(len(data)) if chance.random() < 0.5 else -chance.randrange(9, 900)
            data[place] = chance.randrange(256)
        (tmp_path / f"{number}.parquet").write_bytes(data)
        try:
            read(tmp_path / f"{number}.parquet")
        except Exception as error:
            assert type(error).__name__ == "UserError", error  # noqa: PT017 - a column less is one


BOMBS = """
import io, resource, sys
import pyarrow as pa, pyarrow.parquet as pq
from unicorn_assets.images.decoding import prepared_images
from unicorn_assets.images.entries import Corrupt
from unicorn_assets.images.files import find_images

resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30))
corrupt = Corrupt()
found = list(prepared_images(find_images(sys.argv[1], corrupt), lambda image: image.size, corrupt))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # getrusage's is the parent's too
print(len(found), corrupt.total, int(peak.split()[1]) >> 10)
print(*corrupt, sep="\\n")
"""


def test_bombs_take_no_more_memory_than_a_picture(tmp_path: Path) -> None:
    """Eight pictures of 85 million pixels, an archive of 2 GB of nothing, Parquet pages of 500 MB and 2,000 M rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "0.png").write_bytes(encoded(1))
    huge = saved(Image.new("1", (9_200, 9_200)), "PNG")
    for number in range(8):
        (tmp_path / f"huge{number}.png").write_bytes(huge)
    zeros = gzip.compress(bytes(64 << 20), 9)
    (tmp_path / "zeros.tar.gz").write_bytes(gzip.compress(header(b"a.txt", 4 << 30, b"0")) + zeros * 32)
    schema = pa.schema([("image", pa.binary())])
    with pq.ParquetWriter(tmp_path / "page.parquet", schema, compression="zstd", use_dictionary=False) as writer:
        writer.write_table(pa.table({"image": [bytes(300 << 20)]}, schema))
    nothing = pa.array([None] * 4_000_000, pa.binary())
    pq.write_table(pa.table({"image": nothing}), tmp_path / "rows.parquet", row_group_size=4_000_000)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", BOMBS, str(tmp_path)], capture_output=True, text=True, timeout=240, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found, set_aside, peak = map(int, done.stdout.splitlines()[0].split())
    assert (found, set_aside) == (9, 3), done.stdout
    assert peak < 600, done.stdout


def test_reasons_are_counted_and_names_are_kept_up_to_a_thousand() -> None:
    corrupt = Corrupt()
    for number in range(3000):
        corrupt.append((f"{number}\n.png", f"damaged: {number} bytes are missing"))
    assert (len(corrupt), corrupt.total, corrupt.summary()) == (MAX_LISTED, 3000, "3,000 damaged")
    assert corrupt[0][0] == "0\\n.png"
