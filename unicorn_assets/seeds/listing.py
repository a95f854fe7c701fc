"""Which files a source is: one, or all of a folder or a pattern, in the order of their names; and whether they changed.

A path that is a folder, or ends with `/`, means the files in it; one with `*`, `?` or `[` that is no file itself means
those that match, `**` those below folders, too. Names that begin with a dot or `_` are passed over. All files of a
source have one format. Not here: opening files (sources.py), reading them (readers.py).
"""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.recipe import Recipe, Source
from unicorn_assets.redaction import identify
from unicorn_assets.seeds.normalise import escaped
from unicorn_assets.seeds.sources import access_errors, locate, remote_state, state_of

ENDINGS = {
    ".txt": "text", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
    ".pq": "parquet",
}  # fmt: skip
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zstd", ".lz4")
"""The last three are named as what they are when the file is read."""
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".filepart", "~")
"""Endings that programs give to a file that they have not finished."""


@dataclass(frozen=True)
class File:
    """One file: where it is, its name as the recipe would write it, why it is left out (empty if it is not), and the
    state of a remote one.
    """

    url: str
    shown: str
    unfit: str = ""
    state: Any = None

    @property
    def kind(self) -> str | None:
        """The format that the ending of its name tells; the name is the recipe's, wherever a link of it leads."""
        return kind_of(self.shown) or kind_of(self.url)


@dataclass(frozen=True)
class Listing:
    """The files of a source. `is_one`: the recipe names this very file, and a fault of it is one of the recipe."""

    files: Sequence[File]
    is_one: bool


def list_files(recipe: Recipe, source: Source) -> Listing:
    """The files that a source with a `path` has now. Raises UserError for a folder without any that can be read, and
    for one with files of several formats.
    """
    assert source.path is not None, "a source of labels has no files of seeds"
    shown = escaped(source.path)
    url = recipe.locate(source.path)
    with access_errors(shown):
        fs, place = locate(url, shown)
        found = _local(recipe, source.path, url) if fs is None else _remote(fs, place, url)
        if found is None:
            return Listing([File(url, shown)], is_one=True)
        files = sorted((_fit(file, source) for file in found if not _is_hidden(file)), key=lambda file: file.shown)
    fit = [file for file in files if not file.unfit]
    if not fit:
        why = f"; {files[0].shown}: {files[0].unfit}" if files else ""
        raise UserError(f"{shown}: there is no file of seeds in it{why}", "look at the path in the recipe")
    kinds = {file.kind or "": file.shown for file in fit}
    if len(kinds) > 1 and source.format is None:
        named = ", ".join(f"{name} ({kind})" for kind, name in sorted(kinds.items())[:3])
        raise UserError(
            f"{shown}: its files are of several formats: {named}",
            "name one kind of them by a pattern such as folder/*.jsonl, each kind a source of its own",
        )
    return Listing(files, is_one=False)


def sources_fingerprint(recipe: Recipe) -> str:
    """Hash of the content of all source files: local bytes; for remote files ETag and size, or size and time. Of a
    folder also the names of its files.

    Two equal fingerprints of one recipe mean that nothing has to be read again.
    """
    found: dict[str, Any] = {}
    for source in recipe.sources:
        for path in (source.labels, source.templates):
            if path is not None:
                found[path] = state_of(recipe.locate(path), escaped(path))
        if source.path is not None:
            listing = list_files(recipe, source)
            states = {file.shown: file.state or state_of(file.url, file.shown) for file in listing.files}
            found[source.path] = next(iter(states.values())) if listing.is_one else states
    return digest(found, 8)


def kind_of(path: str) -> str | None:
    """The format that a name's ending tells."""
    bare = path.lower()
    for ending in _PACKED:
        bare = bare.removesuffix(ending)
    return next((kind for ending, kind in ENDINGS.items() if bare.endswith(ending)), None)


def _local(recipe: Recipe, path: str, url: str) -> list[File] | None:
    if Path(url).is_dir():
        with os.scandir(url) as entries:
            return [File(entry.path, escaped(str(Path(path, entry.name)))) for entry in entries if entry.is_file()]
    if glob.has_magic(path) and not os.path.lexists(url):
        matching = glob.glob(path, root_dir=recipe.locate("."), recursive=True)  # noqa: PTH207 (Path's takes no absolute one)
        files = ((recipe.locate(match), match) for match in matching)
        return [File(place, escaped(match)) for place, match in files if Path(place).is_file()]
    return None


def _remote(fs: Any, place: str, url: str) -> list[File] | None:
    if url.startswith(("http://", "https://")):  # has no folders
        return None
    if "*" in place and not fs.exists(place):
        try:
            return list(_objects(fs, fs.glob(place, detail=True).values()))
        except ValueError as error:
            raise UserError(f"{escaped(url)}: {error}", "write a pattern such as folder/**/*.jsonl") from None
    if url.endswith("/") or ("*" not in place and fs.isdir(place)):
        return list(_objects(fs, fs.ls(place, detail=True)))
    return None


def _objects(fs: Any, entries: Any) -> Iterator[File]:
    for entry in entries:
        name = str(entry["name"])
        if entry.get("type") == "file" and not name.endswith("/"):  # an empty object stands for a folder
            url = fs.unstrip_protocol(name)
            yield File(url, escaped(identify(url)), state=remote_state(entry))


def _is_hidden(file: File) -> bool:
    return PurePosixPath(file.url).name.startswith((".", "_"))


def _fit(file: File, source: Source) -> File:
    if file.url.lower().endswith(_UNFINISHED):
        return File(file.url, file.shown, "by its name it is not finished", file.state)
    if source.format is None and file.kind is None:
        return File(file.url, file.shown, "its ending names no format", file.state)
    return file
