"""`unicorn export`: a release in the shape that another trainer reads, or real pictures in its space."""

from pathlib import Path
from typing import Annotated

import typer

from unicorn_assets.cli.common import (
    HomeOption,
    JsonOption,
    LakeOption,
    RecipeOption,
    app,
    err,
    for_people,
    labelled,
    lake_of,
    out,
    print_json,
)
from unicorn_assets.cli.diff import NAMED
from unicorn_assets.errors import UserError
from unicorn_assets.home import find_home

KINDS = ("webdataset", "energon", "hf", "unicorn-code")
SHOWN = 10  # images that were set aside and are named


@app.command()
@for_people
def export(
    release: Annotated[str, typer.Argument(metavar="RELEASE", help=NAMED)],
    kind: Annotated[str | None, typer.Option("--to", help="webdataset, energon, hf or unicorn-code")] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Folder to write; for --images NAME.safetensors")] = None,
    images: Annotated[
        str | None, typer.Option("--images", help="Instead: real images (folder, glob, .tar, .parquet) in its space")
    ] = None,
    repository: Annotated[
        str | None, typer.Option("--push", help="hf: push to the Hub as OWNER/NAME; the token is HF_TOKEN's")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="hf: a new data set of the Hub is for all to see")] = False,
    recipe: RecipeOption = None,
    lake: LakeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a release as WebDataset, Energon, a Hub folder (and push it), or for the authors' code; or real pictures
    through its encoder."""
    from unicorn_assets.lineage.diff import named

    if (kind is None) == (images is None):
        raise UserError("give either --to or --images", f"--to takes {', '.join(KINDS)}")
    if kind is not None and kind not in KINDS:
        raise UserError(f"there is no {kind!r} to export to", f"choose {', '.join(KINDS)}")
    if (repository or public) and kind != "hf":
        raise UserError("--push and --public go with --to hf", "for example: --to hf --push OWNER/NAME")
    found = find_home(home, lake, recipe)
    chosen = named(lake_of(found), release)
    if folder is None and not (repository and chosen.files.is_local):
        raise UserError("where to?", "give --out FOLDER")
    facts: dict[str, object] = {"release": chosen.name, "rows": chosen.manifest["rows"]}
    with err.status("0 rows") as status:
        done = 0

        def advance(rows: int) -> None:
            nonlocal done
            done += rows
            if rows > 1 or done % 100 == 0:
                status.update(f"{done:,} rows")

        if images is not None:
            facts |= _pictures(chosen, images, folder, found.recipe, advance)
        elif kind == "hf":
            facts |= _hub(chosen, folder, repository, public)
        else:
            facts |= _written(chosen, str(kind), folder, advance)
    if as_json:
        return print_json(facts)
    for key, value in facts.items():
        out.print(f"{key.replace('_', ' '):>10}  {value}", highlight=False, soft_wrap=True)
    return None


def _written(chosen, kind: str, folder, advance):  # type: ignore[no-untyped-def]
    from unicorn_assets.export import export_authors, export_energon, export_webdataset

    if kind == "unicorn-code":
        return {"folder": str(folder), "files": len(export_authors(chosen, folder))}
    write = export_energon if kind == "energon" else export_webdataset
    return {"folder": str(folder), "tars": len(write(chosen, folder, advance))}


def _hub(chosen, folder, repository, public: bool):  # type: ignore[no-untyped-def]
    from unicorn_assets.export import export_folder, push

    facts = {}
    if folder is not None:
        facts["folder"] = str(export_folder(chosen, folder))
    if repository:
        place = folder or Path(chosen.files.path(chosen.folder))
        facts["pushed"] = push(place, chosen.manifest, repository, public=public)
    return facts


def _pictures(chosen, images: str, to, recipe, advance):  # type: ignore[no-untyped-def]
    from unicorn_assets.encoders import fetch_weights, identify, open_encoder
    from unicorn_assets.export import export_pictures
    from unicorn_assets.recipe_file import load_recipe
    from unicorn_assets.vectors.output import refuse_inputs

    if to is None or to.suffix != ".safetensors" or not to.parent.is_dir():
        raise UserError(f"cannot write {to}", "give --out NAME.safetensors in a folder that exists")
    refuse_inputs(str(to), [images])
    loaded = load_recipe(recipe, files_exist=False)
    fetch_weights(loaded)
    rows, corrupt = export_pictures(chosen, images, to, lambda: open_encoder(loaded), identify(loaded), advance)
    for item, reason in corrupt[:SHOWN]:
        err.print(labelled("set aside", "yellow", f"{item}: {reason}"), soft_wrap=True)
    return {"file": str(to), "images": rows, "set_aside": corrupt.total}
