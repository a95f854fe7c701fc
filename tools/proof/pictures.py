"""Real pictures as files for `unicorn export --images`: the held-out vendor's as they came, the others' as drawn."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.pocket.concepts import Concept, code_key
from tools.pocket.pictures import HELD_OUT_VENDOR, SIZE, read_pictures
from unicorn_assets.errors import UserError


def held_out_pictures(art: Path, folder: Path, wanted: set[str]) -> Path:
    """`folder` with the held-out vendor's pictures of the concepts in `wanted`, each named by its code points."""
    source = art / "node_modules" / f"emoji-datasource-{HELD_OUT_VENDOR}" / "img" / HELD_OUT_VENDOR / str(SIZE)

    def fill(part: Path) -> None:
        files = {code_key(file.stem): file for file in source.glob("*.png")}
        if not files:
            raise UserError(f"there are no pictures in {source}", "fetch them: scripts/fetch-pocket-art")
        for hexcode in sorted(wanted & set(files)):
            shutil.copy(files[hexcode], part / f"{hexcode}.png")

    return _whole(folder, fill)


def other_pictures(art: Path, folder: Path, concepts: Sequence[Concept], wanted: set[str]) -> Path:
    """`folder` with the other vendors' pictures of the concepts in `wanted`, named by code points and vendor.

    `concepts` are all there are: the cache of the drawn pictures counts them.
    """
    from PIL import Image

    def fill(part: Path) -> None:
        found = read_pictures(art / "node_modules", list(concepts), art / "pictures.npz")
        for pixels, concept, vendor in zip(found.pixels, found.concept, found.vendor, strict=True):
            if vendor != HELD_OUT_VENDOR and (hexcode := concepts[concept].hexcode) in wanted:
                Image.fromarray(pixels).save(part / f"{hexcode}.{vendor}.png")

    return _whole(folder, fill)


def _whole(folder: Path, fill: Callable[[Path], None]) -> Path:
    """A folder that is there whole or not at all."""
    if not folder.is_dir():
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        fill(part)
        part.rename(folder)
    return folder
