"""`unicorn reference`: statistics of real images as one file, for people who share statistics and not images."""

from pathlib import Path
from typing import Annotated

import typer

from unicorn_assets.cli.common import (
    HomeOption,
    JsonOption,
    RecipeOption,
    app,
    err,
    for_people,
    labelled,
    out,
    print_json,
)
from unicorn_assets.errors import UserError
from unicorn_assets.home import find_home

SHOWN = 10  # images that were set aside and are named on the screen; the file names more


@app.command()
@for_people
def reference(
    to: Annotated[Path, typer.Option("--out", help="File to write: NAME.safetensors")],
    images: Annotated[
        str | None, typer.Option("--images", help="Folder, glob, .tar or .parquet of real images; a path or s3://")
    ] = None,
    vectors: Annotated[
        str | None, typer.Option("--vectors", help="Instead: image vectors, .safetensors, .npy or .parquet")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Which images these are; by default from the path")] = None,
    recipe: RecipeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure real images with the recipe's encoder and keep the statistics only. A recipe takes the file as
    image_reference: {kind: reference, path: FILE}."""
    from unicorn_assets.encoders import fetch_weights, identify, open_encoder
    from unicorn_assets.images.building import from_images, from_vectors, name_of
    from unicorn_assets.recipe_file import load_recipe
    from unicorn_assets.vectors.output import refuse_inputs, write_whole

    if (images is None) == (vectors is None):
        raise UserError("give either --images or --vectors", "for example: --images photos/ --out photos.safetensors")
    if to.suffix != ".safetensors" or not to.parent.is_dir():
        raise UserError(f"cannot write {to}", "give a file NAME.safetensors in a folder that exists")
    refuse_inputs(str(to), [images or vectors or ""])
    # Only its encoder counts here; the file that is about to be made may be one that the recipe names.
    loaded = load_recipe(find_home(home, None, recipe).recipe, files_exist=False)
    called = name or name_of(images or vectors or "")
    if images:
        encoder = open_encoder(loaded)
        with err.status("0 images") as status:
            done = 0

            def advance(rows: int) -> None:
                nonlocal done
                done += rows
                status.update(f"{done:,} images")

            found = from_images(images, images, called, encoder, advance)
    else:
        fetch_weights(loaded)
        found = from_vectors(vectors or "", vectors or "", called, identify(loaded))
    data = found.to_bytes()
    write_whole(str(to), data)
    facts = {
        "file": str(to), "bytes": len(data), "name": found.name, "version": found.version(),
        "images": found.statistics.n, "standard_error": found.statistics.standard_error,
        "set_aside": found.set_aside, **vars(found.space), **found.encoder,
    }  # fmt: skip
    if as_json:
        return print_json(facts | {"corrupt": found.corrupt})
    for key, value in facts.items():
        out.print(f"{key.replace('_', ' '):>15}  {value}", highlight=False, soft_wrap=True)
    for item, reason in found.corrupt[:SHOWN]:
        err.print(labelled("set aside", "yellow", f"{item}: {reason}"), soft_wrap=True)
    return None
