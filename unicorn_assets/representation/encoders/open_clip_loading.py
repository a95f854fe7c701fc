"""Finding and loading an open_clip model and its tokenizer, with the nearest names when one is unknown."""

import difflib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe
from unicorn_assets.representation.encoders.identity import HUB, LOCAL_DIR, local_checkpoint


def load(recipe: Recipe, device: str) -> tuple[Any, Any]:
    """(model in evaluation mode, tokenizer) of the recipe's encoder; UserError when it cannot be had."""
    import open_clip

    settings = recipe.encoder
    name, pretrained = _source(recipe)
    try:
        with _quiet():
            model = open_clip.create_model(
                name,
                pretrained=pretrained,
                precision=settings.precision,
                device=device,
                require_pretrained=True,
                pretrained_text=False,
            )
            tokenizer = open_clip.get_tokenizer(name)
    except (OSError, RuntimeError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"cannot load encoder {settings.model} with weights {pretrained or 'of that place'}: {reason}",
            "check the name, that the weights belong to this model, and the network; "
            "a file fetched elsewhere can be given as encoder.pretrained",
        ) from None
    return model.eval(), tokenizer


def _source(recipe: Recipe) -> tuple[str, str | None]:
    """open_clip's own `model_name` and `pretrained` for this recipe, checked before anything is fetched."""
    import open_clip

    settings = recipe.encoder
    model = settings.model or ""
    if model.startswith(LOCAL_DIR):
        folder = Path(recipe.locate(model.removeprefix(LOCAL_DIR)))
        if not (folder / "open_clip_config.json").is_file():
            raise UserError(
                f"encoder.model: no open_clip_config.json in {folder}",
                "give the folder that open_clip saved the model in, as local-dir:<folder>",
            )
        return f"{LOCAL_DIR}{folder}", None
    if model.startswith(HUB):
        return model, None
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
