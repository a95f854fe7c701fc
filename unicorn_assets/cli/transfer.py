"""`unicorn transfer`: fit, apply and judge a move between any two files of vectors. No lake, no recipe."""

from pathlib import Path
from typing import Annotated

import typer

from unicorn_assets.cli.common import JsonOption, app, err, for_people, out, print_json
from unicorn_assets.errors import UserError
from unicorn_assets.plain_files import read_plain, why

group = typer.Typer(
    help="Move text vectors to where image vectors live, with any pair of vector files.", no_args_is_help=True
)
app.add_typer(group, name="transfer")

FILES = ".safetensors, .npy or .parquet, or a folder of them"
TransferOption = Annotated[Path, typer.Option("--transfer", help="File that `unicorn transfer fit` made")]


@group.command()
@for_people
def fit(
    text: Annotated[str, typer.Option("--text", help=f"Text vectors: {FILES}")],
    images: Annotated[str, typer.Option("--images", help="Image vectors of the same encoder, unpaired")],
    to: Annotated[str, typer.Option("--out", help="File to write: NAME.safetensors")],
    method: Annotated[
        str, typer.Option("--method", help="none, mean_shift, c3, i0t, realign or aniso_init")
    ] = "realign",
    passes: Annotated[int, typer.Option("--passes", help="realign: times the last step is done", min=1, max=10)] = 1,
    noise_cosine: Annotated[float, typer.Option("--noise-cosine", help="c3: what the noise leaves")] = 0.7,
    as_json: JsonOption = False,
) -> None:
    """Fit a move on two sets of vectors; pairs are neither needed nor used."""
    from unicorn_assets.transfer.files import fit_files, made_with
    from unicorn_assets.transfer.noise import sigma_of
    from unicorn_assets.vectors.output import refuse_inputs, write_whole

    if Path(to).suffix != ".safetensors":
        raise UserError(f"cannot write {to}", "give a file NAME.safetensors")
    refuse_inputs(to, (text, images))
    sigma_of(noise_cosine, 1)
    with _Counting("read") as counting:
        fitted = fit_files(method, passes, text, images, noise_cosine=noise_cosine, on_rows=counting.add)
    write_whole(to, fitted.to_bytes(made_with(text, images)))
    facts = {
        "transfer": to, "method": fitted.method, "version": fitted.version(), **vars(fitted.space),
        "counts": fitted.counts, "standard_errors": fitted.standard_errors, "moves_images": fitted.moves_images,
    }  # fmt: skip
    if as_json:
        return print_json(facts)
    out.print(f"{to}: {fitted.method}, fitted on " + ", ".join(f"{n:,} {side}" for side, n in fitted.counts.items()))
    if fitted.moves_images:
        out.print(f"real images need a move too: unicorn transfer apply --transfer {to} --images FILE --out FILE")
    return None


@group.command()
@for_people
def apply(
    transfer: TransferOption,
    to: Annotated[str, typer.Option("--out", help="NAME.safetensors or NAME.npy; else a folder, one file per file")],
    text: Annotated[str | None, typer.Option("--text", help=f"Text vectors: {FILES}")] = None,
    images: Annotated[str | None, typer.Option("--images", help="Instead: real image vectors, moved as at use")] = None,
    as_json: JsonOption = False,
) -> None:
    """Move vectors with a fitted move: fp16, unit length, ids kept. Noise is never written."""
    from unicorn_assets.transfer.files import apply_files
    from unicorn_assets.vectors.output import refuse_inputs

    if (text is None) == (images is None):
        raise UserError("give either --text or --images", "for example: --text captions.safetensors")
    fitted = read_transfer(transfer)
    refuse_inputs(to, [str(transfer)])
    with _Counting("moved") as counting:
        rows = apply_files(fitted, text or images or "", to, images=images is not None, on_rows=counting.add)
    if as_json:
        return print_json({"out": to, "rows": rows, "method": fitted.method, "noise_cosine": fitted.noise_cosine})
    out.print(f"{to}: {rows:,} vectors, {fitted.method}", highlight=False)
    if fitted.noise_cosine and text:
        out.print(f"add noise when you read them: noisy(vectors, ids, cosine={fitted.noise_cosine})", highlight=False)
    return None


@group.command()
@for_people
def report(
    transfer: TransferOption,
    text: Annotated[str, typer.Option("--text", help=f"Text vectors as encoded: {FILES}")],
    images: Annotated[str, typer.Option("--images", help="Image vectors as encoded")],
    to: Annotated[str, typer.Option("--out", help="Page to write: NAME.html")],
    pairs: Annotated[
        bool,
        typer.Option("--pairs", help="Rows of texts and images belong together: by id, else by number"),
    ] = False,
) -> None:
    """One HTML page: the gap between the two sides before and after the move, with intervals and plots."""
    from unicorn_assets.gap.report import report_html
    from unicorn_assets.transfer.samples import sample_sides
    from unicorn_assets.vectors.output import refuse_inputs, write_whole

    fitted = read_transfer(transfer)
    refuse_inputs(to, (str(transfer), text, images))
    with _Counting("read") as counting:
        sides = sample_sides(fitted, text, images, pairs, counting.add)
    page = report_html(fitted, *sides, about={"texts": text, "images": images, "transfer": str(transfer)})
    write_whole(to, page.encode())
    out.print(f"{to}: {len(sides[0]):,} texts, {len(sides[1]):,} images", highlight=False)


def read_transfer(path: Path):  # type: ignore[no-untyped-def]
    """The move in a file; UserError names the file that is missing or something else."""
    from unicorn_assets.transfer import MOST_FILE, Transfer

    try:
        return Transfer.from_bytes(read_plain(path, MOST_FILE))
    except OSError as error:
        raise UserError(f"{path}: {why(error)}", "make it with: unicorn transfer fit") from None
    except UserError as error:
        raise UserError(f"{path}: {error.message}", error.hint) from None


class _Counting:
    """A line on the screen that counts rows."""

    def __init__(self, done: str) -> None:
        self._done, self._rows = done, 0
        self._status = err.status("0 rows")

    def add(self, rows: int) -> None:
        self._rows += rows
        self._status.update(f"{self._done} {self._rows:,} rows")

    def __enter__(self) -> "_Counting":
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()
