"""From a recipe's encoder section to a loaded encoder, with one clear line for everything that can be missing."""

from importlib.util import find_spec

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe
from unicorn_assets.representation.encoders.identity import identify
from unicorn_assets.representation.encoders.protocol import Encoder

INSTALL = 'install the extra: pip install "unicorn-assets[encode]"'


def open_encoder(recipe: Recipe) -> Encoder:
    """Load the recipe's encoder; UserError for a missing extra, an unknown model, weights that are not there."""
    for module, package in (("torch", "torch"), ("open_clip", "open_clip_torch"), ("timm", "timm"), ("PIL", "pillow")):
        if find_spec(module) is None:
            raise UserError(f"encoder {recipe.encoder.kind!r} needs the package {package}, which is missing", INSTALL)
    device = pick_device(recipe.encoder.device)
    if recipe.encoder.kind == "pocket":
        from unicorn_assets.representation.encoders.pocket_encoder import BatchedPocketEncoder

        return BatchedPocketEncoder(device, recipe.encoder.batch_tokens)
    from unicorn_assets.representation.encoders.open_clip_encoder import OpenClipEncoder
    from unicorn_assets.representation.encoders.open_clip_loading import load

    model, tokenizer = load(recipe, device)
    name, revision = identify(recipe)
    return OpenClipEncoder(
        model,
        tokenizer,
        name=name,
        revision=revision,
        device=device,
        precision=recipe.encoder.precision,
        batch_tokens=recipe.encoder.batch_tokens,
    )


def pick_device(wanted: str) -> str:
    """`auto` takes the GPU when there is one; UserError when `cuda` is wanted and there is none."""
    import torch

    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise UserError("encoder.device is cuda, but torch sees no GPU here", "set encoder.device to auto or cpu")
    return "cuda" if available and wanted != "cpu" else "cpu"
