"""Fitting and applying a move on files of vectors, streaming: memory does not grow with the files.

No lake, no recipe: any pair of vector files will do. Here: the order of work and what is refused. Not here: formats,
formulas.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.plain_files import shown
from unicorn_assets.transfer import Transfer
from unicorn_assets.transfer.fitting import NOISE_COSINE, fit
from unicorn_assets.vectors.blocks import in_threads
from unicorn_assets.vectors.files import DistinctIds, common_space, open_vectors, vector_paths
from unicorn_assets.vectors.formats import Contents, Part, name_of_row
from unicorn_assets.vectors.kernels import prepare
from unicorn_assets.vectors.output import ENDINGS, refuse_inputs, vector_output, whole_folder
from unicorn_assets.vectors.plain_steps import Steps
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.sketch import SAMPLE_ROWS
from unicorn_assets.vectors.statistics import Statistics

UNKNOWN = "unknown"
"""Encoder and revision of vectors whose files do not say."""

OnRows = Callable[[int], object]


def fit_files(
    method: str,
    passes: int,
    text: str,
    images: str,
    *,
    noise_cosine: float = NOISE_COSINE,
    on_rows: OnRows | None = None,
) -> Transfer:
    """Fit `method` on the vectors of two files or folders of files, unpaired.

    UserError names file and row of a vector that is NaN, Inf or zero, of ids that occur twice, of dimensions or
    encoders that differ.
    """
    prepare((2, 0, 0), *[(2, 0, 1)] * (method == "realign"))
    with ExitStack() as stack:
        texts, pictures = _opened(stack, text), _opened(stack, images)
        _refuse_moved([*texts, *pictures])
        space = _one_space([*texts, *pictures])
        covariance = method == "aniso_init"
        sample = SAMPLE_ROWS if covariance else 0
        image = _counted(space, pictures, covariance, on_rows, (), sample)
        known = None if method == "none" else _counted(space, texts, covariance, on_rows, (), sample)

        def after(steps: Steps) -> Statistics:
            return _counted(space, texts, False, on_rows, steps, 0)

        return fit(method, passes, image, list, text=known, after=after, noise_cosine=noise_cosine)


def apply_files(transfer: Transfer, text: str, out: str, *, images: bool = False, on_rows: OnRows | None = None) -> int:
    """Move the vectors of a file or folder, fp16, ids kept; the number of rows.

    `out` is one .safetensors or .npy file, or, when it has neither ending, a folder that gets one .safetensors file per
    file of `text`. `images` applies what real images need. All files appear, each whole, or none does.
    """
    prepare((2, 2, 2 if transfer.method == "realign" else 1))
    with ExitStack() as stack:
        found = _opened(stack, text)
        _refuse_moved(found)
        for one in found:
            transfer_space(transfer, one)
        given = [text, *(one.path for one in found)]
        refuse_inputs(out, given)
        if Path(out).suffix.lower() in ENDINGS:
            _apply(transfer, found, out, images, on_rows)
        else:
            names = _file_names(found)
            for name in names:
                refuse_inputs(str(Path(out) / name), given)
            with whole_folder(out) as folder:
                for one, name in zip(found, names, strict=True):
                    _apply(transfer, [one], str(folder / name), images, on_rows)
    return sum(one.rows for one in found)


def _refuse_moved(found: Sequence[Contents]) -> None:
    for one in found:
        if "moved" in one.about:
            raise UserError(
                f"{one.path}: these vectors were moved before, by {one.about['moved']}", "give the originals"
            )


def _file_names(found: Sequence[Contents]) -> list[str]:
    """Names of the files that are written for these; UserError when two would get the same."""
    names = [Path(one.path).stem + ENDINGS[0] for one in found]
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        equal = [Path(one.path).name for one, made in zip(found, names, strict=True) if made == name]
        raise UserError(
            f"{' and '.join(equal)} would both be written as {name}", "rename one, or give one of them alone"
        )
    return names


def transfer_space(transfer: Transfer, contents: Contents) -> None:
    """UserError unless the move was fitted in the space of this file, as far as both are known."""
    if contents.dimension != transfer.space.dimension:
        raise UserError(
            f"{contents.path}: the vectors have {contents.dimension} dimensions, "
            f"the move has {transfer.space.dimension}",
            "give vectors of the encoder that the move was fitted for",
        )
    if transfer.space.encoder != UNKNOWN:
        transfer.space.require(contents.space, f"the vectors of {contents.path}")


@contextmanager
def open_side(path: str) -> Iterator[list[Contents]]:
    """The contents of all files that `path` means, none of them empty; UserError for an id that occurs twice."""
    with ExitStack() as stack:
        yield _opened(stack, path)


def _opened(stack: ExitStack, path: str) -> list[Contents]:
    found = [stack.enter_context(open_vectors(one)) for one in vector_paths(path)]
    found = [one for one in found if one.rows]
    if not found:
        raise UserError(f"{path} holds no vectors", "give another file")
    distinct = DistinctIds()
    for one in found:
        distinct.add(one.path, one.ids)
    distinct.check()
    return found


def _one_space(found: Sequence[Contents]) -> Space:
    first = found[0]
    for one in found:
        if one.dimension != first.dimension:
            raise UserError(
                f"{one.path}: the vectors have {one.dimension} dimensions, "
                f"those of {first.path} have {first.dimension}",
                "encode texts and images with the same encoder",
            )
    return common_space(found) or Space(UNKNOWN, UNKNOWN, first.dimension)


def _parts(found: Sequence[Contents]) -> Iterator[tuple[Contents, int, Part]]:
    """All parts of all files, with the number of the file's first row."""
    before = 0
    for one in found:
        for part in one.parts:
            yield one, before, part
        before += one.rows


def _counted(
    space: Space, found: Sequence[Contents], covariance: bool, on_rows: OnRows | None, steps: Steps, sample: int
) -> Statistics:
    total = Statistics(space, covariance, sample)

    def work(item: tuple[Contents, int, Part]) -> Statistics:
        contents, _, part = item
        one = total.empty()
        rows = part.load()
        one.take(rows, where=contents.path, ids=_names(contents, part), first=part.first, steps=steps)
        return one

    for one in in_threads(work, _parts(found)):
        total.merge(one)
        if on_rows:
            on_rows(one.n)
    return total


def _apply(transfer: Transfer, found: Sequence[Contents], out: str, images: bool, on_rows: OnRows | None) -> None:
    rows, d = sum(one.rows for one in found), transfer.space.dimension
    ids = [one.ids for one in found if one.ids is not None]
    if ids and len(ids) < len(found):
        bare = next(one.path for one in found if one.ids is None)
        raise UserError(f"{bare} has no ids, other files of the folder have", "write them to a folder, not to one file")
    about = {"moved": transfer.method, "transfer": transfer.version(), "side": "image" if images else "text"}
    if transfer.space.encoder != UNKNOWN:
        about |= {"encoder": transfer.space.encoder, "revision": transfer.space.revision}

    with vector_output(out, rows, d, ids or None, about) as output:

        def work(item: tuple[Contents, int, Part]) -> int:
            contents, before, part = item
            vectors, names = part.load(), _names(contents, part)
            moved = output.room(before + part.first, len(vectors))
            transfer.apply_half(vectors, moved, images=images, where=contents.path, ids=names, first=part.first)
            output.put(before + part.first, moved)
            return len(vectors)

        for done in in_threads(work, _parts(found)):
            if on_rows:
                on_rows(done)


class _Names(Sequence[str]):
    """Ids of some rows, decoded only when an error names one."""

    def __init__(self, ids: NDArray[np.uint8]) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, row: Any) -> Any:
        return _Names(self._ids[row]) if isinstance(row, slice) else name_of_row(self._ids, row)


def _names(contents: Contents, part: Part) -> _Names | None:
    return None if contents.ids is None else _Names(contents.ids[part.first :])


def made_with(text: str, images: str) -> dict[str, Any]:
    """What a transfer file says beyond the fitted numbers: names of the files, versions of the packages."""
    from importlib.metadata import version

    packages = {name: version(name) for name in ("unicorn-assets", "numpy")}
    return {"text_file": shown(Path(text).name), "image_file": shown(Path(images).name), "packages": packages}
