"""A release as a folder for the Hugging Face Hub, and pushing it there.

A release's folder is one already: its card names the Parquet files. The token comes from HF_TOKEN, never from a file or
an argument; HF_ENDPOINT names another hub.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from unicorn_assets.errors import UserError
from unicorn_assets.export.rows import new_folder
from unicorn_assets.lake.released import MANIFEST
from unicorn_assets.lineage.diff import Release
from unicorn_assets.redaction import redact

TOKEN, ENDPOINT = "HF_TOKEN", "HF_ENDPOINT"


def export_folder(release: Release, to: Path, on_file: Callable[[str], object] | None = None) -> Path:
    """Copy a release whole, from wherever it lies, into the folder `to`, which must be empty or not there."""
    new_folder(to)
    for name in [*release.manifest["files"], MANIFEST]:  # the manifest last: it makes the copy a release
        with (
            release.files.fs.open(release.files.path(release.path(name)), "rb") as source,
            (to / name).open("wb") as copy,
        ):
            shutil.copyfileobj(source, copy, 1 << 20)
        if on_file:
            on_file(name)
    return to


def push(folder: Path, manifest: dict[str, str], repository: str, *, public: bool = False) -> str:
    """Push a release's folder as the data set `repository` (OWNER/NAME), which is made if it is not there; private
    unless `public`. Returns the address of the commit. A UserError says what the hub refused."""
    token = os.environ.get(TOKEN)
    if not token:
        raise UserError(f"{TOKEN} is not set", "set it to a token of the hub that may write")
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise UserError("the package huggingface_hub is missing", "pip install huggingface_hub") from None
    from huggingface_hub.errors import HfHubHTTPError

    hub = HfApi(endpoint=os.environ.get(ENDPOINT), token=token, library_name="unicorn-assets")
    try:
        hub.create_repo(repository, repo_type="dataset", private=not public, exist_ok=True)
        done = hub.upload_folder(
            repo_id=repository, repo_type="dataset", folder_path=folder,
            commit_message=f"{manifest['asset']} {manifest['version']}",
        )  # fmt: skip
    except (HfHubHTTPError, ValueError, OSError) as error:  # ValueError: a name that is none
        words = redact(next(iter(str(error).strip().splitlines()), type(error).__name__)).replace(token, "***")
        raise UserError(f"the hub refused {repository}: {words}", f"check the name and the rights of {TOKEN}") from None
    return str(done.commit_url)
