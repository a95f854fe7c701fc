"""Which weights a recipe's encoder has: name and revision, found without importing torch.

Code versions and the manifests of vectors both come from here, so that they agree. Not here: loading (opening.py).
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from unicorn_assets.ids import digest
from unicorn_assets.recipe import Encoder as EncoderSettings
from unicorn_assets.recipe import Recipe

LOCAL_DIR = "local-dir:"
HUB = "hf-hub:"
ABSENT = "absent"  # weights that are named but not there; opening the encoder says so in words
_CHECKPOINTS = (".safetensors", ".bin", ".pth", ".pt", ".npz")
_CODE = 1  # raise when this package's own way of encoding changes vectors


def encoder_version(recipe: Recipe) -> str:
    """16 hexadecimal digits that change with the model, its weights and the precision, not with speed settings."""
    name, revision = identify(recipe)
    return digest([_CODE, name, revision, recipe.encoder.precision], 8)


def identify(recipe: Recipe) -> tuple[str, str]:
    """Name and revision of the recipe's encoder; a local checkpoint's revision is the start of its sha256."""
    settings = recipe.encoder
    if settings.kind == "pocket":
        return _pocket()
    model = settings.model or ""
    if model.startswith(LOCAL_DIR):
        folder = Path(recipe.locate(model.removeprefix(LOCAL_DIR)))
        weights = [file for ending in _CHECKPOINTS for file in sorted(folder.glob(f"*{ending}"))]
        parts = [file_hash(file) for file in (*weights, *folder.glob("open_clip_config.json"))]
        return f"{LOCAL_DIR}{folder.name}", digest(parts, 6) if weights else ABSENT
    if model.startswith(HUB):
        return model, "main"
    if checkpoint := local_checkpoint(recipe, settings):
        return model, file_hash(checkpoint)
    return model, settings.pretrained or ABSENT


def local_checkpoint(recipe: Recipe, settings: EncoderSettings) -> Path | None:
    """The checkpoint file that `pretrained` names, relative to the recipe's folder; None when it is a tag."""
    if not settings.pretrained or "://" in settings.pretrained:
        return None
    file = Path(recipe.locate(settings.pretrained))
    return file if file.is_file() else None


def fingerprint(path: str) -> str:
    """What a local file or folder holds now, in few digits: content of a file, names and sizes in a folder."""
    place = Path(path)
    if not path or "://" in path or not place.exists():
        return ABSENT
    if place.is_file():
        return file_hash(place)
    files = sorted((str(file.relative_to(place)), file.stat().st_size) for file in place.rglob("*") if file.is_file())
    return digest(files, 6)


def file_hash(file: Path) -> str:
    """First 12 hexadecimal digits of the file's sha256; remembered until the file changes."""
    about = file.stat()
    return _file_hash(file, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=32)
def _file_hash(file: Path, _size: int, _changed: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:12]


def _pocket() -> tuple[str, str]:
    from unicorn_assets.errors import UserError
    from unicorn_assets.representation.pocket.files import WEIGHTS, model_folder

    try:
        return "pocket-narrow", file_hash(model_folder() / WEIGHTS)
    except UserError:
        return "pocket-narrow", ABSENT
