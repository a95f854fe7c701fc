"""Which weights a recipe's encoder has: name and revision, found without importing torch.

Code versions and the manifests of vectors both come from here, so that they agree. Not here: loading (opening.py).
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from unicorn_assets.encoders.hub import HUB, known_commit
from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.recipe import Encoder as EncoderSettings
from unicorn_assets.recipe import Recipe

LOCAL_DIR = "local-dir:"
ABSENT = "absent"  # weights that are named but not there; opening the encoder says so in words
LLM2CLIP_TEXT = "hf-hub:microsoft/LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned"
LLM2CLIP_ADAPTER = "hf-hub:microsoft/LLM2CLIP-Openai-L-14-336"
_CHECKPOINTS = (".safetensors", ".bin", ".pth", ".pt", ".npz")
_CODE = 2  # raise when this package's own way of encoding changes vectors
_WHOLE = 1 << 30  # bytes of a file up to which all of it is hashed; of a larger one, samples are
_SAMPLES, _SAMPLE = 256, 1 << 20


def encoder_version(recipe: Recipe) -> str:
    """16 hexadecimal digits that change with the model, its weights and the precision, not with speed settings."""
    name, revision = identify(recipe)
    return digest([_CODE, name, revision, recipe.encoder.precision], 8)


def identify(recipe: Recipe) -> tuple[str, str]:
    """Name and revision of the recipe's encoder.

    The revision is the start of a hash of local weights, the commit of weights from the hub, or the tag. For a branch
    such as main it is the commit that was fetched to this machine, and ABSENT before that.
    """
    settings = recipe.encoder
    if settings.kind == "pocket":
        return _pocket(settings.width)
    if settings.kind == "llm2clip":
        parts = llm2clip_sources(settings)
        found = [_place(recipe, source, revision) for source, revision in parts]
        revisions = [revision for _, revision in found]
        name = "llm2clip:" + "+".join(name.removeprefix(HUB).removeprefix(LOCAL_DIR) for name, _ in found)
        return name, ABSENT if ABSENT in revisions else digest(revisions, 6)
    model = settings.model or ""
    if model.startswith((LOCAL_DIR, HUB)):
        return _place(recipe, model, settings.revision)
    if checkpoint := local_checkpoint(recipe, settings):
        return model, file_hash(checkpoint)
    return model, settings.pretrained or ABSENT


def llm2clip_sources(settings: EncoderSettings) -> tuple[tuple[str, str | None], tuple[str, str | None]]:
    """(place, revision) of the text encoder, and of the folder with the text adapter and the image tower."""
    return (
        (settings.model or LLM2CLIP_TEXT, settings.revision),
        (settings.adapter or LLM2CLIP_ADAPTER, settings.adapter_revision),
    )


def local_checkpoint(recipe: Recipe, settings: EncoderSettings) -> Path | None:
    """The checkpoint file that `pretrained` names, relative to the recipe's folder; None when it is a tag."""
    if not settings.pretrained or "://" in settings.pretrained:
        return None
    file = Path(recipe.locate(settings.pretrained))
    return file if file.is_file() else None


def fingerprint(path: str) -> str:
    """What local files hold now, in few digits: content of one file, names and sizes in a folder or under a glob."""
    place = Path(path)
    if not path or "://" in path:
        return ABSENT
    if place.is_file():
        return file_hash(place)
    root, pattern = (place, "**/*") if place.is_dir() else (place.parent, place.name)
    files = sorted((str(file.relative_to(root)), file.stat().st_size) for file in root.glob(pattern) if file.is_file())
    return digest(files, 6) if files or place.is_dir() else ABSENT


def file_hash(file: Path) -> str:
    """First 12 hexadecimal digits of the file's sha256; remembered until the file changes.

    Of a file above 1 GiB: sha256 of its size and of 256 samples of 1 MiB, evenly spread, so that naming an encoder
    does not read 16 GB.
    """
    about = file.stat()
    return _file_hash(file, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=32)
def _file_hash(file: Path, size: int, _changed: int) -> str:
    with file.open("rb") as stream:
        if size <= _WHOLE:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:12]
        found = hashlib.sha256(str(size).encode())
        for number in range(_SAMPLES):
            stream.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
            found.update(stream.read(_SAMPLE))
        return found.hexdigest()[:12]


def _place(recipe: Recipe, source: str, revision: str | None) -> tuple[str, str]:
    """Name and revision of `hf-hub:<id>` or `local-dir:<folder>`."""
    if source.startswith(HUB):
        commit = known_commit(source.removeprefix(HUB), revision)
        return source, commit[:12] if commit else ABSENT
    folder = Path(recipe.locate(source.removeprefix(LOCAL_DIR)))
    # What is no file, such as a pipe, would be waited for; opening the encoder names it.
    weights = [file for ending in _CHECKPOINTS for file in sorted(folder.glob(f"*{ending}")) if file.is_file()]
    configs = [folder / name for name in ("open_clip_config.json", "config.json") if (folder / name).is_file()]
    parts = [file_hash(file) for file in (*weights, *configs)]
    return f"{LOCAL_DIR}{folder.name}", digest(parts, 6) if weights else ABSENT


def _pocket(width: str) -> tuple[str, str]:
    from unicorn_assets.encoders.pocket.files import WEIGHTS, model_folder

    try:
        return f"pocket-{width}", file_hash(model_folder(width) / WEIGHTS)
    except UserError:
        return f"pocket-{width}", ABSENT
