"""Real pictures in a release's space: through the encoder that the release's texts went through, moved as at use.

They are what a model that was trained on the release must be asked with. Not here: reading images (images/).
"""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.encoders import Encoder
from unicorn_assets.errors import UserError
from unicorn_assets.images.building import IMAGES_AT_A_TIME
from unicorn_assets.images.decoding import prepared_images
from unicorn_assets.images.entries import Corrupt
from unicorn_assets.images.files import find_images
from unicorn_assets.lake.store import encode_ids
from unicorn_assets.lineage.diff import Release
from unicorn_assets.safetensors_header import header_bytes
from unicorn_assets.transfer import Transfer
from unicorn_assets.vectors.output import write_whole
from unicorn_assets.vectors.rows import Space

MOVE = "transfer.safetensors"


def export_pictures(
    release: Release, images: str, to: Path, open_encoder: Callable[[], Encoder], identity: tuple[str, str],
    on_rows: Callable[[int], None] | None = None,
) -> tuple[int, Corrupt]:  # fmt: skip
    """Write `to`, a safetensors file like a release's own: `vectors` (n, dimension) fp16, `ids` the images' names.

    `identity` is (name, revision) of the encoder that `open_encoder` loads: a UserError when the release's is another.
    Returns how many there are, and those that could not be read.
    """
    facts = release.manifest["facts"]
    wanted = (facts["encoder"], facts["encoder_revision"])
    if identity != wanted:
        raise UserError(
            f"{release.name} was made with {' '.join(wanted)}, the recipe's encoder is {' '.join(identity)}",
            "give the release's recipe with --recipe",
        )
    move = _move(release) if facts["moves_images"] else None
    encoder, corrupt = open_encoder(), Corrupt()
    names, parts = list[str](), list[NDArray[np.float16]]()
    prepared = prepared_images(find_images(images, corrupt), encoder.prepare_image, corrupt)
    while group := list(islice(prepared, IMAGES_AT_A_TIME)):
        vectors = encoder.encode_prepared([image for _, image in group], on_rows)
        names += [name for name, _ in group]
        parts.append((vectors if move is None else move.image_side(vectors, ids=names[-len(group) :])).astype("<f2"))
    if not parts:
        raise UserError(f"{images}: none of the {corrupt.total:,} images can be read", "give other images")
    rows, ids = np.concatenate(parts), encode_ids(names)
    about = {"encoder": wanted[0], "revision": wanted[1], "transfer": facts["transfer"], "of": "real images"}
    head = header_bytes({"vectors": ("F16", rows.shape), "ids": ("U8", ids.shape)}, about)
    write_whole(str(to), head + rows.tobytes() + ids.tobytes())
    return len(names), corrupt


def _move(release: Release) -> Transfer:
    if MOVE not in release.manifest["files"]:
        raise UserError(
            f"{release.name} holds no {MOVE}, and real images must be moved to meet it",
            "name the pretraining release of the same lake instead: it ships the move",
        )
    facts = release.manifest["facts"]
    move = Transfer.from_bytes(release.files.read(release.path(MOVE)))
    Space(facts["encoder"], facts["encoder_revision"], facts["dimension"]).require(move.space, MOVE)
    return move
