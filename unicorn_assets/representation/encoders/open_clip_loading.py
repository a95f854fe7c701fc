"""Finding and loading an open_clip model and its tokenizer, with the nearest names when one is unknown."""

import difflib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe
from unicorn_assets.representation.encoders.hub import HUB, snapshot
from unicorn_assets.representation.encoders.identity import LOCAL_DIR, local_checkpoint

CONFIG = "open_clip_config.json"
_FILES = ("*.json", "*.txt", "*.model")  # the config, and a tokenizer where the model brings its own
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model")
_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def load(recipe: Recipe, device: str, precision: str) -> tuple[Any, Any]:
    """(model in evaluation mode, tokenizer) of the recipe's encoder; UserError when it cannot be had."""
    import open_clip

    settings = recipe.encoder
    name, pretrained = _source(recipe)
    try:
        with _quiet():
            model = open_clip.create_model(
                name,
                pretrained=pretrained,
                precision=precision,
                device=device,
                require_pretrained=True,
                pretrained_text=False,
            )
            tokenizer = _tokenizer(name)
    except (OSError, RuntimeError, ValueError, KeyError, ImportError, UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"cannot load encoder {settings.model} with weights {pretrained or 'of that place'}: {reason}",
            "check the name, that the weights belong to this model, and the network; "
            "a file fetched elsewhere can be given as encoder.pretrained",
        ) from None
    return model.eval(), tokenizer


def model_folder(recipe: Recipe) -> Path | None:
    """Folder of a `local-dir:` or `hf-hub:` model, the latter fetched where needed; None for other models."""
    model = recipe.encoder.model or ""
    if model.startswith(HUB):
        folder = snapshot(model.removeprefix(HUB), recipe.encoder.revision, "encoder.model", _FILES, _WEIGHTS)
    elif model.startswith(LOCAL_DIR):
        folder = Path(recipe.locate(model.removeprefix(LOCAL_DIR)))
    else:
        return None
    if not (folder / CONFIG).is_file():
        raise UserError(
            f"encoder.model: no {CONFIG} in {model if model.startswith(HUB) else folder}",
            "give a model that open_clip saved, as local-dir:<folder> or hf-hub:<id>",
        )
    return folder


def _tokenizer(name: str) -> Any:
    """open_clip's tokenizer for a model; a folder without tokenizer files uses the one that its config names."""
    import open_clip

    folder = Path(name.removeprefix(LOCAL_DIR))
    if name.startswith(LOCAL_DIR) and not any((folder / file).is_file() for file in _TOKENIZER_FILES):
        text = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["model_cfg"].get("text_cfg", {})
        if elsewhere := text.get("hf_tokenizer_name"):
            context = text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH)
            mode, extra = text.get("tokenizer_mode"), text.get("tokenizer_kwargs", {})
            return open_clip.tokenizer.HFTokenizer(elsewhere, context_length=context, tokenizer_mode=mode, **extra)
    return open_clip.get_tokenizer(name)


def _source(recipe: Recipe) -> tuple[str, str | None]:
    """open_clip's own `model_name` and `pretrained` for this recipe, checked before anything is fetched."""
    import open_clip

    settings = recipe.encoder
    model = settings.model or ""
    if model.startswith((LOCAL_DIR, HUB)):
        return f"{LOCAL_DIR}{model_folder(recipe)}", None
    known = open_clip.list_models()
    if model.replace("/", "-") not in known:
        raise UserError(
            f"encoder.model: open_clip knows no model {model!r}{_nearest(model, known)}",
            "use a name of open_clip.list_models(), hf-hub:<id>, or local-dir:<folder>",
        )
    if checkpoint := local_checkpoint(recipe, settings):
        return model, str(checkpoint)
    tags = open_clip.list_pretrained_tags_by_model(model.replace("/", "-"))
    if settings.pretrained is None:
        raise UserError(
            f"encoder.pretrained is missing: without weights {model} would give random vectors",
            f"set it to a checkpoint file{' or one of ' + ', '.join(tags) if tags else ''}",
        )
    if settings.pretrained not in tags:
        raise UserError(
            f"encoder.pretrained: {settings.pretrained!r} is neither a file nor a tag of {model}"
            + _nearest(settings.pretrained, tags),
            f"tags of this model: {', '.join(tags) or 'none'}; a file's path starts at the recipe's folder",
        )
    return model, settings.pretrained


def _nearest(name: str, known: list[str]) -> str:
    lower = {item.lower(): item for item in known}
    near = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)
    return f"; nearest: {', '.join(lower[item] for item in near)}" if near else ""


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip logs through the root logger and would configure it; errors still arrive as exceptions."""
    root, handler, disabled = logging.getLogger(), logging.NullHandler(), logging.root.manager.disable
    root.addHandler(handler)
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(disabled)
        root.removeHandler(handler)
