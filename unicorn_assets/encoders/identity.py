"""Which weights a recipe's encoder has: name and revision, found without importing torch.

Code versions and the manifests of vectors both come from here, so that they agree. Not here: loading (opening.py).
"""

from pathlib import Path

from unicorn_assets.encoders.fingerprint import ABSENT, file_hash
from unicorn_assets.encoders.hub import HUB, LOCAL_DIR, known_commit
from unicorn_assets.encoders.llm2clip_loading import llm2clip_sources
from unicorn_assets.encoders.open_clip_loading import local_checkpoint
from unicorn_assets.encoders.pocket.files import identity, model_folder
from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.recipe import Recipe

_CHECKPOINTS = (".safetensors", ".bin", ".pth", ".pt", ".npz")
_CODE = 2  # raise when this package's own way of encoding changes vectors


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
    try:
        return identity(model_folder(width), width)
    except UserError:
        return f"pocket-{width}", ABSENT
