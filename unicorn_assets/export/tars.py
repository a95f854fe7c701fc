"""WebDataset: tars of id.json and id.npy. Energon: these, and the folder .nv-meta that `energon prepare` would write.

The same release gives the same bytes: no times, no owners. Not here: reading the release (rows.py).
"""

import io
import json
import sqlite3
import struct
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from unicorn_assets.atomic import replacing
from unicorn_assets.errors import UserError
from unicorn_assets.export.rows import OnRows, new_folder, rows_of, stem_of
from unicorn_assets.ids import digest
from unicorn_assets.lineage.diff import Release

PER_TAR = 10_000
"""Records of a tar: 25 MB of vectors and as much text and headers at the paper's size, 125 tars."""
META = ".nv-meta"


@dataclass
class Tar:
    """A tar that was written. `samples`: key and place of its first header; `parts`: sample, ending, place, size."""

    name: str
    samples: list[tuple[str, int]] = field(default_factory=list)
    parts: list[tuple[int, str, int, int]] = field(default_factory=list)
    end: int = 0


def export_webdataset(release: Release, to: Path, on_rows: OnRows | None = None, per_tar: int = PER_TAR) -> list[Tar]:
    """Write NAME-000000.tar and on into the folder `to`, which must be empty or not there. All parts of a record lie
    side by side: the record as JSON, its vector (dimension,) float16 as npy."""
    new_folder(to)
    rows, made = rows_of(release), list[Tar]()
    for number in range(-(-release.manifest["rows"] // per_tar)):
        tar = Tar(f"{stem_of(release)}-{number:06}.tar")
        with replacing(to / tar.name) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as out:
            for row, (record, vector) in enumerate(islice(rows, per_tar)):
                _add(out, tar, row, record, vector)
                if on_rows:
                    on_rows(1)
            tar.end = out.offset
        made.append(tar)
    return made


def export_energon(release: Release, to: Path, on_rows: OnRows | None = None, per_tar: int = PER_TAR) -> list[Tar]:
    """The same tars, ready for megatron.energon as a crude data set, all of it in the split `train`."""
    tars = export_webdataset(release, to, on_rows, per_tar)
    meta = to / META
    meta.mkdir()
    names = [tar.name for tar in tars]
    info = {"energon_version": "7.0.0", "shard_counts": {tar.name: len(tar.samples) for tar in tars}}
    kind = {"__module__": "megatron.energon", "__class__": "CrudeWebdataset"}
    splits = {"split_parts": {"train": names, "val": [], "test": []}, "exclude": []}
    (meta / ".info.json").write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
    (meta / "dataset.yaml").write_text(yaml.safe_dump(kind), encoding="utf-8")
    (meta / "split.yaml").write_text(yaml.safe_dump(splits), encoding="utf-8")
    (meta / "index.uuid").write_text(_uuid(release), encoding="utf-8")
    for tar in tars:
        places = [place for _, place in tar.samples] + [tar.end]
        (to / f"{tar.name}.idx").write_bytes(struct.pack(f"<{len(places)}Q", *places))
    _index(meta / "index.sqlite", tars)
    return tars


def _add(out: tarfile.TarFile, tar: Tar, row: int, record: dict[str, Any], vector: NDArray[np.float16]) -> None:
    key = str(record["id"])
    if "." in key or "/" in key:
        raise UserError(f"the id {key} cannot name a file of a tar", "ids of this platform's releases can")
    tar.samples.append((key, out.offset))
    text = json.dumps(record, ensure_ascii=False).encode()
    numbers = io.BytesIO()
    np.lib.format.write_array(numbers, vector, version=(1, 0), allow_pickle=False)  # type: ignore[no-untyped-call]
    for ending, data in (("json", text), ("npy", numbers.getvalue())):
        about = tarfile.TarInfo(f"{key}.{ending}")
        about.size, about.mtime, about.mode = len(data), 0, 0o644
        start = out.offset
        out.addfile(about, io.BytesIO(data))
        tar.parts.append((row, ending, start + tarfile.BLOCKSIZE, len(data)))


def _uuid(release: Release) -> str:
    """Of the release's version, so that the same export has the same one."""
    name = digest(["energon", release.manifest["asset"], release.manifest["version"]], 16)
    return "-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:]))


def _index(path: Path, tars: Iterable[Tar]) -> None:
    """Where each sample and each part of it lies."""

    def samples() -> Iterator[tuple[int, str, int, int, int]]:
        for number, tar in enumerate(tars):
            places = [place for _, place in tar.samples] + [tar.end]
            for row, (key, place) in enumerate(tar.samples):
                yield number, key, row, place, places[row + 1] - place

    with closing(sqlite3.connect(path)) as sql, sql:
        sql.execute("CREATE TABLE samples (tar_file_id INTEGER NOT NULL, sample_key TEXT NOT NULL UNIQUE, "
                    "sample_index INTEGER NOT NULL, byte_offset INTEGER, byte_size INTEGER)")  # fmt: skip
        sql.execute("CREATE TABLE sample_parts (tar_file_id INTEGER, sample_index INTEGER, part_name TEXT, "
                    "content_byte_offset INTEGER, content_byte_size INTEGER)")  # fmt: skip
        sql.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?)", samples())
        parts = ((number, *part) for number, tar in enumerate(tars) for part in tar.parts)
        sql.executemany("INSERT INTO sample_parts VALUES (?, ?, ?, ?, ?)", parts)
        for name, columns in (
            ("idx_samples_sample_key", "samples(sample_key)"),
            ("idx_samples_by_tar_and_idx", "samples(tar_file_id, sample_index)"),
            ("idx_sample_parts_seq", "sample_parts(tar_file_id, sample_index, content_byte_offset)"),
            ("idx_sample_parts_full",
             "sample_parts(tar_file_id, sample_index, part_name, content_byte_offset, content_byte_size)"),
        ):  # fmt: skip
            sql.execute(f"CREATE INDEX {name} ON {columns}")
