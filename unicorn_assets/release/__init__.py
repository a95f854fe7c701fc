"""Releases: immutable folders that a trainer reads, with a card and a manifest.

Here: records, files, cards, manifests, and checking them. Not here: what makes captions good, or training.
"""

from unicorn_assets.release.build import release_instruction, release_pretrain
from unicorn_assets.release.facts import ReleaseFacts, ReleaseFile, ReleaseInfo, package_versions
from unicorn_assets.release.verify import verify_release

__all__ = [
    "ReleaseFacts",
    "ReleaseFile",
    "ReleaseInfo",
    "package_versions",
    "release_instruction",
    "release_pretrain",
    "verify_release",
]
