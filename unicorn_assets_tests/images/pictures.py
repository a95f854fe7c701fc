"""Small pictures in every container that an image reference is read from."""

import io
import tarfile
from pathlib import Path

from PIL import Image


def encoded(number: int, form: str = "PNG", side: int = 20) -> bytes:
    """One plain picture; its colour follows the number."""
    data = io.BytesIO()
    Image.new("RGB", (side, side), (number * 3 % 256, 255 - number % 256, number * 7 % 256)).save(data, form)
    return data.getvalue()


def write_tar(file: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file


def write_parquet(file: Path, images: list[bytes | None], *, struct: bool = True, column: str = "image") -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file.parent.mkdir(parents=True, exist_ok=True)
    values = [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(images)] if struct else images
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())]) if struct else pa.binary()
    table = pa.table({"label": list(range(len(images))), column: pa.array(values, kind)})
    pq.write_table(table, file, row_group_size=7)
    return file
