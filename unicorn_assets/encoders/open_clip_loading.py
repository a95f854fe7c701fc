"""Finding and loading an open_clip model and its tokenizer, with the nearest names when one is unknown."""

import difflib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unicorn_assets.encoders.hub import HUB, LOCAL_DIR, snapshot
from unicorn_assets.encoders.model_config import (
    least_numbers,
    model_type,
    open_clip_config,
    refuse_more_than,
    tokenizer_config,
)
from unicorn_assets.encoders.vetting import (
    check_weights,
    no_code,
    reason_of,
    require_finite,
    stored_bytes,
    vetted,
)
from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_representation import Encoder as EncoderSettings

CONFIG = "open_clip_config.json"
_FILES = ("*.json", "*.txt", "*.model")  # the config, and a tokenizer where the model brings its own
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model")
_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_CONFIGS = {CONFIG: open_clip_config, "tokenizer_config.json": tokenizer_config, "config.json": model_type}


def load(recipe: Recipe, device: str, precision: str) -> tuple[Any, Any]:
    """(model in evaluation mode, tokenizer) of the recipe's encoder; UserError when it cannot be had.

    Nothing of a model is run: see vetting.py.
    """
    settings, folder = recipe.encoder, model_folder(recipe)
    pretrained = None if folder else _pretrained(recipe)
    try:
        with quiet(), _opened(folder) as name:
            made = _loaded(name or settings.model or "", pretrained, device, precision)
    except UserError:
        raise
    except Exception as error:  # four libraries that were given a stranger's files
        raise UserError(
            f"cannot load encoder {settings.model} with weights {pretrained or 'of that place'}: {reason_of(error)}",
            "check the name, that the weights belong to this model, and the network; "
            "a file fetched elsewhere can be given as encoder.pretrained",
        ) from None
    require_finite(made[0], f"encoder {settings.model}")
    return made[0].eval(), made[1]


@contextmanager
def _opened(folder: Path | None) -> Iterator[str | None]:
    """open_clip's name of a folder that holds only what may be read; None for a model that open_clip itself knows."""
    if folder is None:
        with no_code():
            yield None
        return
    with vetted(folder, _CONFIGS) as place:
        model = json.loads((place / CONFIG).read_text(encoding="utf-8"))["model_cfg"]
        text, vision = model["text_cfg"], model["vision_cfg"]
        least = 0 if vision.get("timm_model_name") else least_numbers(vision.get("width"), vision.get("layers"))
        if not text.get("hf_model_name"):
            least += least_numbers(text.get("width"), text.get("layers"), text.get("vocab_size"))
        refuse_more_than(least, stored_bytes(place), folder / CONFIG)
        try:
            yield f"{LOCAL_DIR}{place}"
        except UserError:
            raise
        except Exception as error:
            raise RuntimeError(reason_of(error).replace(str(place), str(folder))) from None


def _loaded(name: str, pretrained: str | None, device: str, precision: str) -> tuple[Any, Any]:
    import open_clip

    model = open_clip.create_model(
        name,
        pretrained=pretrained,
        precision=precision,
        device=device,
        require_pretrained=True,
        pretrained_text=False,
        weights_only=True,
    )
    return model, _tokenizer(name)


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


def local_checkpoint(recipe: Recipe, settings: EncoderSettings) -> Path | None:
    """The checkpoint file that `pretrained` names, relative to the recipe's folder; None when it is a tag."""
    if not settings.pretrained or "://" in settings.pretrained:
        return None
    file = Path(recipe.locate(settings.pretrained))
    return file if file.is_file() else None


def _tokenizer(name: str) -> Any:
    """open_clip's tokenizer for a model; a folder without tokenizer files uses the one that its config names."""
    import open_clip

    folder = Path(name.removeprefix(LOCAL_DIR))
    if name.startswith(LOCAL_DIR):
        text = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["model_cfg"]["text_cfg"]
        if elsewhere := text.get("hf_tokenizer_name"):
            here = any((folder / file).is_file() for file in _TOKENIZER_FILES)
            return open_clip.tokenizer.HFTokenizer(
                str(folder) if here else elsewhere,
                context_length=text.get("context_length", open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH),
                tokenizer_mode=text.get("tokenizer_mode"),
                trust_remote_code=False,
                **(text.get("tokenizer_kwargs") or {}),
            )
    return open_clip.get_tokenizer(name)


def _pretrained(recipe: Recipe) -> str:
    """open_clip's own `pretrained` for the name in this recipe, both checked before anything is fetched."""
    import open_clip

    settings = recipe.encoder
    model = settings.model or ""
    known = open_clip.list_models()
    if model.replace("/", "-") not in known:
        raise UserError(
            f"encoder.model: open_clip knows no model {model!r}{_nearest(model, known)}",
            "use a name of open_clip.list_models(), hf-hub:<id>, or local-dir:<folder>",
        )
    if checkpoint := local_checkpoint(recipe, settings):
        check_weights(checkpoint)
        return str(checkpoint)
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
    return settings.pretrained


def _nearest(name: str, known: list[str]) -> str:
    lower = {item.lower(): item for item in known}
    near = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)
    return f"; nearest: {', '.join(lower[item] for item in near)}" if near else ""


@contextmanager
def quiet() -> Iterator[None]:
    """open_clip logs through the root logger and would configure it; errors still arrive as exceptions."""
    root, handler, disabled = logging.getLogger(), logging.NullHandler(), logging.root.manager.disable
    root.addHandler(handler)
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(disabled)
        root.removeHandler(handler)
