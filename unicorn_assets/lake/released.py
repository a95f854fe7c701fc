"""Which releases the lake has, and what their manifests say. A release is there if and only if its manifest is."""

import json
from typing import Any

import polars as pl

from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.lake.damage import ASIDE
from unicorn_assets.lake.files import Files
from unicorn_assets.lake.query import open_sql, sql_list
from unicorn_assets.lake.store import Lake
from unicorn_assets.seals import Damaged

MANIFEST = "manifest.json"
_VERSIONED = ("asset", "counts", "facts", "format", "parents", "recipe")
_KEYS = {*_VERSIONED, "version", "rows", "dimension", "files"}


def release_folder(asset: str, version: str) -> str:
    """Name of a release's folder below the lake's root."""
    return f"releases/{asset}/{version}"


def release_versions(lake: Lake, asset: str) -> list[str]:
    """Versions of `asset` that are complete, sorted by name (a version is a hash: the order says nothing)."""
    found = lake.files.walk(f"releases/{asset}", f"/{MANIFEST}")
    return [name.split("/")[0] for name in found if name.count("/") == 1 and ASIDE not in name]


def latest_release(lake: Lake, asset: str) -> str | None:
    """The version that was released last, or None; what names no release names nothing."""
    try:
        version = lake.files.read(f"releases/{asset}/LATEST").decode("utf-8", "replace").strip()
    except (FileNotFoundError, IsADirectoryError):
        return None
    plain = version.isalnum() and version.isascii()
    return version if plain and lake.files.exists(f"{release_folder(asset, version)}/{MANIFEST}") else None


def manifest_bytes(manifest: dict[str, Any]) -> bytes:
    """A manifest as it is written: JSON for people, with a hash of itself."""
    return _text({**manifest, "seal": digest(manifest)})


def read_manifest(data: bytes) -> dict[str, Any]:
    """The manifest that was written; ValueError when a bit of it was changed."""
    try:
        manifest = json.loads(data)
        seal = manifest.pop("seal", None)
        whole = {**manifest, "seal": seal} if seal is not None else manifest
        # The version names what went in, so that a manifest of before there were seals proves most of itself.
        named = digest({key: manifest[key] for key in _VERSIONED}, 6) == manifest["version"]
        sealed = seal == digest(manifest) if seal is not None else set(manifest) == _KEYS
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is no manifest: {error!r}") from None
    if not named or not sealed or _text(whole) != data:
        raise ValueError("it was changed")
    return dict(manifest)


def _text(plain: dict[str, Any]) -> bytes:
    return (json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def release_manifest(lake: Lake, asset: str, version: str) -> dict[str, Any]:
    """The manifest of a release."""
    name = f"{release_folder(asset, version)}/{MANIFEST}"
    try:
        return read_manifest(lake.files.read(name))
    except FileNotFoundError:
        raise UserError(f"the lake has no release {asset} {version}", "`unicorn status` lists the releases") from None
    except (ValueError, IsADirectoryError) as error:
        raise Damaged(name, str(error)) from None


def release_row(lake: Lake, asset: str, manifest: dict[str, Any], record_id: str, shard: str) -> int | None:
    """0-based number of a record in a release, or None. Ids of row groups without rows of `shard` are not read.
    Damaged: a file is junk.
    """
    found = _one(lake, asset, manifest, "number", {"id": record_id, "shard": shard})
    return None if found is None else int(found)


def release_id(lake: Lake, asset: str, manifest: dict[str, Any], number: int) -> str | None:
    """Id of the record with this 0-based number, or None. Damaged: a file is junk."""
    found = _one(lake, asset, manifest, "id", {"number": number})
    return None if found is None else str(found)


def records_sql(files: Files, folder: str, manifest: dict[str, Any]) -> str:
    """A release's records as a subquery: the columns of its Parquet files but the vectors, and `number`, from 0.

    `folder` is where it lies below `files`.
    """
    parts, first = [], 0
    left_out = "file_row_number, vector" if manifest["format"] > 1 else "file_row_number"
    for name, count in _record_files(manifest):
        rows = f"read_parquet({sql_list(files, [f'{folder}/{name}' if folder else name])}, file_row_number = true)"
        parts.append(f"SELECT * EXCLUDE ({left_out}), file_row_number + {first} AS number FROM {rows}")
        first += count
    return f"({' UNION ALL '.join(parts)})"


def _one(lake: Lake, asset: str, manifest: dict[str, Any], column: str, values: dict[str, Any]) -> Any:
    """The column of the first record with these values."""
    folder = release_folder(asset, manifest["version"])
    if lake.files.is_local:
        return _one_here(lake, folder, manifest, column, values)
    import duckdb

    condition = " AND ".join(f"{name} = ${name}" for name in values)
    query = f"SELECT {column} FROM {records_sql(lake.files, folder, manifest)} WHERE {condition}"
    with open_sql(lake) as sql:
        try:
            found = sql.execute(query, values).fetchone()
        except duckdb.Error:
            raise Damaged(folder, "DuckDB cannot read its records") from None
    return found[0] if found else None


def _one_here(lake: Lake, folder: str, manifest: dict[str, Any], column: str, values: dict[str, Any]) -> Any:
    """The same on a local disk, where opening a database costs more than reading."""
    first = 0
    for name, rows in _record_files(manifest):
        if "number" in values and not first <= values["number"] < first + rows:
            first += rows
            continue
        try:
            records = pl.scan_parquet(lake.files.url(f"{folder}/{name}"), glob=False, row_index_name="number")
            wanted = (pl.col(each) == (value - first if each == "number" else value) for each, value in values.items())
            found = records.filter(*wanted).select(pl.col(column)).head(1).collect()
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
            raise Damaged(folder, "its records cannot be read") from None
        if found.height:
            return found.item() + first if column == "number" else found.item()
        first += rows
    return None


def _record_files(manifest: dict[str, Any]) -> list[tuple[str, int]]:
    """A release's files of records, with the rows of each."""
    files = manifest["files"]
    return [(name, files[name]["rows"]) for name in sorted(files) if name.endswith(".parquet")]
