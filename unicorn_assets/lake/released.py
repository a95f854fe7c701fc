"""Which releases the lake has, and what their manifests say. A release is there if and only if its manifest is."""

import json
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.lake.query import open_sql, parquet_files
from unicorn_assets.lake.store import Lake

ASSETS = ("unicorn_1_2m", "unicorn_471k_instruction")
MANIFEST = "manifest.json"


def release_folder(asset: str, version: str) -> str:
    """Name of a release's folder below the lake's root."""
    return f"releases/{asset}/{version}"


def release_versions(lake: Lake, asset: str) -> list[str]:
    """Versions of `asset` that are complete, sorted by name (a version is a hash: the order says nothing)."""
    found = lake.files.walk(f"releases/{asset}", f"/{MANIFEST}")
    return [name.split("/")[0] for name in found if name.count("/") == 1]


def latest_release(lake: Lake, asset: str) -> str | None:
    """The version that was released last, or None."""
    try:
        return lake.files.read(f"releases/{asset}/LATEST").decode().strip()
    except FileNotFoundError:
        return None


def release_manifest(lake: Lake, asset: str, version: str) -> dict[str, Any]:
    """The manifest of a release."""
    name = f"{release_folder(asset, version)}/{MANIFEST}"
    try:
        manifest: dict[str, Any] = json.loads(lake.files.read(name))
    except FileNotFoundError:
        raise UserError(f"the lake has no release {asset} {version}", "`unicorn status` lists the releases") from None
    except ValueError:
        raise UserError(
            f"{lake.files.url(name)} is damaged", "remove that release's folder and release again"
        ) from None
    return manifest


def release_row(lake: Lake, asset: str, manifest: dict[str, Any], record_id: str) -> int | None:
    """0-based number of a record in a release, or None. Reads the column of ids only."""
    name = next(name for name in manifest["files"] if name.endswith(".parquet"))
    files = parquet_files(lake, [f"{release_folder(asset, manifest['version'])}/{name}"])
    query = f"SELECT file_row_number FROM read_parquet({files}, file_row_number = true) WHERE id = $1"
    with open_sql(lake) as sql:
        found = sql.execute(query, [record_id]).fetchone()
    return int(found[0]) if found else None
