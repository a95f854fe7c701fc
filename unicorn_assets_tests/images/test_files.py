"""Images from folders, archives and Parquet files, on disk and on S3: in order, with bounded memory, bad ones named."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from PIL import Image

from unicorn_assets.errors import UserError
from unicorn_assets.images import decoding as image_decoding
from unicorn_assets.images import files as image_files
from unicorn_assets.images.decoding import decode, prepared_images
from unicorn_assets.images.entries import Corrupt, Entry
from unicorn_assets.images.files import find_images
from unicorn_assets_tests.images.pictures import encoded, write_parquet, write_tar


def read(path: str | Path) -> tuple[dict[str, tuple[int, int, int]], Corrupt]:
    """Colour of each image by name, and what was set aside."""
    corrupt = Corrupt()

    def colour(image: Image.Image) -> tuple[int, int, int]:
        return image.convert("RGB").getpixel((0, 0))  # type: ignore[return-value]

    return dict(prepared_images(find_images(str(path), corrupt), colour, corrupt)), corrupt


def colour_of(number: int) -> tuple[int, int, int]:
    return (number * 3 % 256, 255 - number % 256, number * 7 % 256)


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_an_archive_gives_its_images_in_its_own_order(tmp_path: Path, ending: str) -> None:
    members = {f"{i:03}.png": encoded(i) for i in (4, 2, 9)}
    members |= {"004.json": b"{}", "004.txt": b"a caption", "bad.jpg": b"\xff\xd8 no more"}
    write_tar(tmp_path / f"a.{ending}", members, "w:gz" if ending.endswith("gz") else "w")
    found, corrupt = read(tmp_path)
    assert found == {f"a.{ending}/{i:03}.png": colour_of(i) for i in (4, 2, 9)}
    assert list(found) == [f"a.{ending}/{i:03}.png" for i in (4, 2, 9)]
    assert corrupt == [(f"a.{ending}/bad.jpg", corrupt[0][1])]


@pytest.mark.parametrize(("struct", "column"), [(True, "image"), (False, "jpg"), (False, "anything")])
def test_a_parquet_file_gives_its_rows(tmp_path: Path, struct: bool, column: str) -> None:
    images: list[bytes | None] = [encoded(i, "JPEG" if i % 2 else "PNG") for i in range(20)]
    images[3], images[11] = None, b"not an image"
    write_parquet(tmp_path / "a.parquet", images, struct=struct, column=column)
    found, corrupt = read(tmp_path / "a.parquet")
    assert len(found) == 18
    assert found["a.parquet#10"] == colour_of(10)
    assert sorted(corrupt) == [
        ("a.parquet#11", "not an image that can be recognised"),
        ("a.parquet#3", "the row holds no bytes"),
    ]


def test_a_parquet_file_without_images_is_a_mistake(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a"], "url": ["b"]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="no column of images among text, url"):
        read(tmp_path)


def test_shards_by_glob_and_folders_that_mix_everything(tmp_path: Path) -> None:
    for shard in range(3):
        write_tar(tmp_path / "train" / f"{shard:05}.tar", {f"{i}.png": encoded(shard * 10 + i) for i in range(2)})
    write_parquet(tmp_path / "train" / "more" / "z.parquet", [encoded(99)])
    (tmp_path / "train" / "one.png").write_bytes(encoded(7))
    (tmp_path / "train" / "README.md").write_text("no image", encoding="utf-8")
    found, _ = read(tmp_path / "train" / "0000[12].tar")
    assert list(found) == ["00001.tar/0.png", "00001.tar/1.png", "00002.tar/0.png", "00002.tar/1.png"]
    everything, corrupt = read(tmp_path / "train")
    assert len(everything) == 8
    assert everything["more/z.parquet#0"] == colour_of(99)
    assert not corrupt
    assert read(tmp_path / "train" / "one.png")[0] == {"one.png": colour_of(7)}
    for path in ("train/*.gif", "nowhere"):
        with pytest.raises(UserError, match=r"holds no images|no such folder or file"):
            read(tmp_path / path)


def test_a_damaged_shard_is_set_aside_and_what_came_before_is_kept(tmp_path: Path) -> None:
    members = {f"{i}.png": encoded(i, side=64) for i in range(30)}
    for name, mode in (("a.tar", "w"), ("b.tar.gz", "w:gz")):
        file = write_tar(tmp_path / name, members, mode)
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    write_parquet(tmp_path / "c.parquet", [encoded(1)]).write_bytes(b"PAR1 cut off")
    (tmp_path / "d.tar").write_bytes(b"no archive at all" * 100)
    write_tar(tmp_path / "e.tar", {"last.png": encoded(5)})
    found, corrupt = read(tmp_path)
    assert {"a.tar/0.png", "b.tar.gz/0.png", "e.tar/last.png"} <= set(found)
    assert 5 < sum(name.startswith("a.tar") for name in found) < 30
    assert [name for name, _ in corrupt] == ["a.tar", "b.tar.gz", "c.parquet", "d.tar"]
    assert all("damaged" in reason for _, reason in corrupt)


def bomb(width: int, height: int) -> bytes:
    """A few bytes of PNG that claim to be a huge picture."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"<svg/>", "not an image"),
        (bomb(60_000, 60_000), "more than 90,000,000 pixels"),  # Pillow refuses it
        (bomb(10_000, 10_000), "more than 90,000,000 pixels"),  # Pillow would only warn
        (encoded(1, side=64)[:90], "damaged"),
        (encoded(1, "JPEG", side=200)[:-400], "damaged"),
    ],
)
def test_bad_images_are_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode(data)


def test_files_that_are_too_large_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_files, "MAX_FILE_BYTES", 1000)
    monkeypatch.setattr("unicorn_assets.images.shards.MAX_FILE_BYTES", 1000)
    (tmp_path / "a.png").write_bytes(encoded(1) + bytes(1000))
    write_tar(tmp_path / "b.tar", {"big.png": bytes(5000), "good.png": encoded(3)})
    found, corrupt = read(tmp_path)
    assert found == {"b.tar/good.png": colour_of(3)}
    assert {name for name, _ in corrupt} == {"a.png", "b.tar/big.png"}


def test_only_a_few_images_are_read_ahead() -> None:
    handed_out = 0

    def entries() -> Iterator[Entry]:
        nonlocal handed_out
        for number in range(500):
            handed_out += 1
            yield Entry(str(number), lambda: encoded(1))

    images = prepared_images(entries(), lambda image: image.size, Corrupt())
    for taken in range(1, 50):
        next(images)
        assert handed_out <= taken + 2 * image_decoding.THREADS
    images.close()  # type: ignore[attr-defined]
    assert handed_out < 100


def test_the_same_from_s3(tmp_path: Path, s3_url: str) -> None:
    write_tar(tmp_path / "a.tar", {"1.png": encoded(1), "bad.png": b"x"})
    write_parquet(tmp_path / "b.parquet", [encoded(2)])
    (tmp_path / "c.png").write_bytes(encoded(3))
    (tmp_path / "notes.txt").write_text("no image", encoding="utf-8")
    fs, root = fsspec.core.url_to_fs(s3_url)
    fs.put(f"{tmp_path}/", f"{root}/images/", recursive=True)
    assert read(f"{s3_url}/images") == read(tmp_path)
    assert read(f"{s3_url}/images/*.tar") == read(tmp_path / "a.tar")
    with pytest.raises(UserError, match="no such folder or file"):
        read(f"{s3_url}/nowhere")
