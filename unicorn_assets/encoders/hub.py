"""Models of the Hugging Face hub: which commit is meant, and where its files are on this machine.

The cache's layout is the hub client's own: models--<org>--<name>/refs/<revision> holds a commit,
models--<org>--<name>/snapshots/<commit> its files. Not here: what the files mean.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from unicorn_assets.errors import UserError

HUB, LOCAL_DIR = "hf-hub:", "local-dir:"
_COMMIT = re.compile(r"[0-9a-f]{40}")


def known_commit(repo: str, revision: str | None) -> str | None:
    """The commit of a revision (None: main) without asking the network: itself, or what the local cache says."""
    wanted = revision or "main"
    if _COMMIT.fullmatch(wanted):
        return wanted
    from huggingface_hub.constants import HF_HUB_CACHE

    reference = Path(HF_HUB_CACHE, f"models--{repo.replace('/', '--')}", "refs", *wanted.split("/"))
    return reference.read_text(encoding="utf-8").strip() if reference.is_file() else None


def snapshot(repo: str, revision: str | None, key: str, patterns: Sequence[str], weights: Sequence[str]) -> Path:
    """Folder of a commit's files: those that match `patterns`, and the first of the `weights` patterns that exists.

    A revision that is in the cache is not looked up again: `main` stays what it was when it was first fetched.
    Python files are never fetched. `key` is the recipe's key, for the message of the UserError when it cannot be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    commit = known_commit(repo, revision) or revision
    reason = f"it has none of {', '.join(weights)}"
    try:
        for pattern in weights:
            # Offline, or without a network, the client answers from its cache.
            folder = Path(snapshot_download(repo, revision=commit, allow_patterns=[*patterns, pattern]))
            if any(folder.glob(pattern)):
                return folder
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
    raise UserError(
        f"{key}: cannot get {HUB}{repo}{f' at {revision}' if revision else ''}: {reason}",
        "check the id, the revision and the network; gated models need HF_TOKEN; "
        "a folder fetched elsewhere can be given as local-dir:<folder>",
    )
