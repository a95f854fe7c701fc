"""From a recipe's encoder section to a loaded encoder, with one clear line for everything that can be missing."""

from importlib.util import find_spec

from unicorn_assets.encoders.devices import pick_batch_tokens, pick_device, pick_precision
from unicorn_assets.encoders.fingerprint import ABSENT
from unicorn_assets.encoders.identity import identify
from unicorn_assets.encoders.protocol import Encoder
from unicorn_assets.encoders.vetting import reason_of
from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe

INSTALL = 'install the extra: pip install "unicorn-assets[encode]"'
PACKAGES = (
    ("torch", "torch"), ("open_clip", "open_clip_torch"), ("timm", "timm"), ("transformers", "transformers"),
    ("PIL", "pillow"),
)  # fmt: skip


def open_encoder(recipe: Recipe) -> Encoder:
    """Load the recipe's encoder; UserError for a missing extra, an unknown model, weights that are not there."""
    settings = recipe.encoder
    for module, package in PACKAGES:
        if find_spec(module) is None:
            raise UserError(f"encoder {settings.kind!r} needs the package {package}, which is missing", INSTALL)
    device = pick_device(settings.device)
    batch_tokens = pick_batch_tokens(settings.batch_tokens, device)
    if settings.kind == "llm2clip":
        from unicorn_assets.encoders.llm2clip_encoder import Llm2ClipEncoder
        from unicorn_assets.encoders.llm2clip_loading import load as load_llm2clip

        precision = pick_precision(settings.precision, device)
        parts = load_llm2clip(recipe, device, precision)
        return Llm2ClipEncoder(parts, identify(recipe), device=device, precision=precision, batch_tokens=batch_tokens)

    if settings.kind == "pocket":
        from unicorn_assets.encoders.pocket.encoder import PocketEncoder

        return PocketEncoder(settings.width, device, batch_tokens=batch_tokens)

    from unicorn_assets.encoders.open_clip_encoder import OpenClipEncoder
    from unicorn_assets.encoders.open_clip_loading import load

    precision = pick_precision(settings.precision, device)
    model, tokenizer = load(recipe, device, precision)
    try:
        return OpenClipEncoder(
            model, tokenizer, identify(recipe), device=device, precision=precision, batch_tokens=batch_tokens
        )
    except UserError:
        raise
    except Exception as error:  # its first texts and its settings for images: a stranger's, like the weights
        raise UserError(
            f"encoder {settings.model or settings.kind} loads, but does not encode: {reason_of(error)}",
            "fetch the folder of the model again, or give another model",
        ) from None


def fetch_weights(recipe: Recipe) -> None:
    """Bring weights of the hub to this machine when only that tells which revision they are.

    To be called before versions are compared: a branch such as main has no known commit before it was fetched.
    """
    if recipe.encoder.kind == "pocket" or identify(recipe)[1] != ABSENT:
        return
    if recipe.encoder.kind == "llm2clip":
        from unicorn_assets.encoders.llm2clip_loading import folders

        folders(recipe)
    else:
        from unicorn_assets.encoders.open_clip_loading import model_folder

        model_folder(recipe)
