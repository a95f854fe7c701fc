from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from unicorn_assets.errors import UserError
from unicorn_assets.export import export_pictures
from unicorn_assets.lake.artifacts import write_artifact
from unicorn_assets.lake.store import Lake, Made, decode_ids
from unicorn_assets.lineage.diff import named
from unicorn_assets.release import release_pretrain
from unicorn_assets.transfer import fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics
from unicorn_assets_tests.small_lake import DIMENSION, SHARDS, facts, fill, small_recipe, vectors_of

SPACE = Space("pocket", "r1", DIMENSION)


class Colours:
    """An encoder that sees the colour of the first pixel."""

    def prepare_image(self, image: Any) -> Any:
        return image.convert("RGB").getpixel((0, 0))

    def encode_prepared(self, prepared: Any, on_progress: Any = None) -> Any:
        return vectors_of([str(pixel) for pixel in prepared])


def test_pictures_are_moved_as_the_release_says(disk_lake: Lake, tmp_path: Path) -> None:
    fill(disk_lake)
    images, text = (vectors_of([f"{side}-{row}" for row in range(40)]) + shift for side, shift in (("i", 1), ("t", -1)))
    fitted = fit("mean_shift", 1, Statistics(SPACE).add(images), lambda: [text], space=SPACE)
    write_artifact(disk_lake, "transfer.safetensors", fitted.to_bytes(), Made())
    known = facts(transfer_version=fitted.version(), moves_images=True)
    release = named(disk_lake, release_pretrain(disk_lake, small_recipe(), SHARDS, known).path)
    folder, to = tmp_path / "photos", tmp_path / "photos.safetensors"
    folder.mkdir()
    for name, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        Image.new("RGB", (4, 4), colour).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    encoder: Any = Colours()
    rows, corrupt = export_pictures(release, str(folder), to, lambda: encoder, ("pocket", "r1"))
    assert (rows, corrupt[0][0]) == (2, "broken.png")
    found = load_file(to)
    assert decode_ids(found["ids"]) == ["blue.png", "red.png"]
    seen = vectors_of(["(0, 0, 200)", "(200, 0, 0)"])
    assert np.array_equal(found["vectors"], fitted.image_side(seen).astype(np.float16))
    without = {name: file for name, file in release.manifest["files"].items() if name != "transfer.safetensors"}
    with pytest.raises(UserError, match="real images must be moved"):
        export_pictures(
            replace(release, manifest=release.manifest | {"files": without}), str(folder), to, lambda: encoder,
            ("pocket", "r1"),
        )  # fmt: skip
