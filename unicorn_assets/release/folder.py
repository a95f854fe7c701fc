"""Making a folder appear whole: local folders are filled under a hidden name and renamed, on S3 the manifest is last.

Here: one writer at a time, leftovers, the LATEST pointer. Not here: what the files hold.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unicorn_assets.atomic import WRITING
from unicorn_assets.lake.damage import ASIDE, Damage
from unicorn_assets.lake.released import MANIFEST, latest_release, manifest_bytes, read_manifest, release_folder
from unicorn_assets.lake.store import Lake
from unicorn_assets.release.facts import ReleaseFile, ReleaseInfo
from unicorn_assets.release.verify import wrong_bytes


@contextmanager
def only_writer(lake: Lake, asset: str) -> Iterator[None]:
    """Local disk: nobody else writes a release of `asset` meanwhile; a killed writer's lock and leftovers go.

    On S3 two writers of one version write the same bytes under the same names, which harms nobody.
    """
    if not lake.files.is_local:
        yield
        return
    folder = Path(lake.files.path(f"releases/{asset}"))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in folder.glob(f".*{WRITING}"):
            lake.files.remove_folder(f"releases/{asset}/{leftover.name}")
        yield


@contextmanager
def new_folder(lake: Lake, asset: str, version: str) -> Iterator[str]:
    """Name of a folder to fill; when the block ends well it is the release's folder, else it is gone."""
    final = release_folder(asset, version)
    lake.files.remove_folder(final)  # without a manifest it was only half written
    name = f"releases/{asset}/.{version}{WRITING}" if lake.files.is_local else final
    try:
        yield name
        if lake.files.is_local:
            lake.files.rename_folder(name, final)
    except BaseException:
        lake.files.remove_folder(name)
        raise


def write_manifest(lake: Lake, folder: str, manifest: dict[str, Any]) -> None:
    """The last file of a release, which makes it one."""
    lake.files.write(f"{folder}/{MANIFEST}", manifest_bytes(manifest))


def point_latest(lake: Lake, asset: str, version: str) -> None:
    """Make releases/<asset>/LATEST name this version."""
    if latest_release(lake, asset) != version:
        lake.files.write(f"releases/{asset}/LATEST", f"{version}\n".encode())


def existing(lake: Lake, asset: str, version: str) -> ReleaseInfo | None:
    """This version if it is there and every bit of it is as it was written. A release that was changed is set aside
    under a name that says so, and told of, so that it is cut again: neither kept nor overwritten in silence.
    """
    folder = release_folder(asset, version)
    if not lake.files.exists(f"{folder}/{MANIFEST}"):
        return None
    problem = None
    try:
        manifest = read_manifest(lake.files.read(f"{folder}/{MANIFEST}"))
    except (ValueError, IsADirectoryError) as error:
        problem = f"{MANIFEST}: {error}"
    else:
        info = info_of(lake, manifest, created=False)
        problems = (wrong_bytes(lake.files, f"{folder}/{name}", vars(file)) for name, file in info.files.items())
        problem = next((problem for problem in problems if problem), None)
    if problem is None:
        return info
    lake.tell(Damage(folder, problem, lake.files.set_aside(folder, ASIDE)))
    return None


def info_of(lake: Lake, manifest: dict[str, Any], created: bool) -> ReleaseInfo:
    """A manifest as a value."""
    asset, version = manifest["asset"], manifest["version"]
    files = {name: ReleaseFile(**file) for name, file in manifest["files"].items()}
    return ReleaseInfo(asset, version, lake.files.url(release_folder(asset, version)), manifest["rows"], files, created)
