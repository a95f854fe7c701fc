"""The code version of every asset for a recipe: what it has to be made by to be as the recipe wants it.

Here: by asset, without Dagster, so that whoever looks at a lake knows it as well as whoever fills it. Not here: what
the rooms' own versions are made of (logic.py, the rooms).
"""

from unicorn_assets.captions.drift import version as captions_version
from unicorn_assets.captions.repeats import version as duplicates_version
from unicorn_assets.encoders import encoder_version
from unicorn_assets.graph import RELEASES
from unicorn_assets.ids import digest
from unicorn_assets.images.building import reference_version
from unicorn_assets.instructions.conversation import version as records_version
from unicorn_assets.recipe import Recipe
from unicorn_assets.release.build import recipe_hash
from unicorn_assets.seeds.catalog import version as catalog_version
from unicorn_assets.stages import stages


def versions(recipe: Recipe) -> dict[str, str]:
    """By asset. Raises UserError when a prompt of the recipe does not fit, or local weights cannot be read."""
    return {
        "seed_catalog": catalog_version(recipe), "seeds": catalog_version(recipe),
        **{name: stage.version for name, stage in stages(recipe).items()},
        "near_duplicates": duplicates_version(recipe),
        "captions": captions_version(recipe),
        "instructions": records_version(recipe),
        "text_embeddings": encoder_version(recipe),
        "image_reference": reference_version(recipe),
        "transfer": transfer_version(recipe), "image_embeddings": transfer_version(recipe),
        "modality_gap": gap_version(recipe),
        **dict.fromkeys(RELEASES, release_version(recipe)),
    }  # fmt: skip


def transfer_version(recipe: Recipe) -> str:
    """Changes with the method and its settings."""
    return digest(["transfer-2", recipe.section_hash("transfer")], 8)


def gap_version(recipe: Recipe) -> str:
    """Code version of the gap and its report."""
    return digest(["gap-2", transfer_version(recipe)], 8)  # raised with the report's form and formulas


def release_version(recipe: Recipe) -> str:
    """The start of the recipe's hash, which a release's manifest has whole."""
    return recipe_hash(recipe)[:16]
