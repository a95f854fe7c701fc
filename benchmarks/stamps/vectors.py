"""The stamps in an encoder's eyes, kept by its revision: pictures are read once."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pictures import Stamps
from PIL import Image

from tools.photo.names import text_vectors
from unicorn_assets.encoders.pocket.encoder import PocketEncoder
from unicorn_assets.encoders.pocket.files import identity, model_folder
from unicorn_assets.vectors.rows import Space

AT_ONCE = 32

Vectors = NDArray[np.float32]


def encoded(stamps: Stamps, width: str, cache: Path) -> tuple[Space, Vectors, Vectors]:
    """The encoder's space, (pictures, d) and (captions, d) unit rows of the pocket encoder of this width."""
    name, revision = identity(model_folder(width), width)
    file = cache / f"stamps-{name}-{revision}.npz"
    if not file.is_file():
        encoder, rows = PocketEncoder(width), []
        for start in range(0, len(stamps.files), AT_ONCE):
            opened = [Image.open(path) for path in stamps.files[start : start + AT_ONCE]]
            rows.append(encoder.encode_images(opened))
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, images=np.concatenate(rows), texts=encoder.encode_texts(stamps.captions))
    with np.load(file) as saved:
        images, texts = saved["images"], saved["texts"]
    return Space(name, revision, images.shape[1]), images, texts


def anchors(stamps: Stamps, cache: Path) -> Vectors:
    """(captions, 384) unit rows of the bare text model, MiniLM."""
    file = cache / "stamps-minilm.npy"
    if not file.is_file():
        pocket = PocketEncoder("photo").pocket
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, text_vectors(pocket.model, pocket.tokenizer, stamps.captions).astype(np.float32))
    found: Vectors = np.load(file)
    return found
