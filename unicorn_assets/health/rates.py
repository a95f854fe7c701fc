"""How much each gate refuses now, and how much it did when the release before was cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unicorn_assets.graph import RELEASES
from unicorn_assets.health.states import Health
from unicorn_assets.lake.released import MANIFEST, release_folder, release_manifest, release_versions
from unicorn_assets.lake.store import Lake
from unicorn_assets.seals import Damaged


@dataclass(frozen=True)
class Rate:
    """Rows that a stage refused for a reason, and their share of all that came to it, 0 to 1; `before`: that share in
    the release before, None where it is not known.
    """

    stage: str
    reason: str
    rows: int
    share: float
    before: float | None


def release_before(lake: Lake) -> dict[str, Any] | None:
    """The manifest of the last release but one of the set that counts most stages, or of its only one."""
    asset = RELEASES[-1]
    paths = {version: f"{release_folder(asset, version)}/{MANIFEST}" for version in release_versions(lake, asset)}
    ages = {version: lake.files.fs.modified(lake.files.path(path)) for version, path in paths.items()}
    for version in sorted(ages, key=lambda each: ages[each])[-2:]:
        try:
            return release_manifest(lake, asset, version)
        except Damaged:
            continue
    return None


def rates(health: Health, before: Mapping[str, Any] | None) -> Sequence[Rate]:
    """By stage in the order of making, the most frequent reason first; reasons of then that are gone stay with 0."""
    counts = before["counts"] if before else {"rows": {}, "quarantined": {}}
    found = []
    for stage, now in health.refused.items():
        rows = sum(cell.rows for cell in health.cells[stage].values())
        came = max(1, rows + sum(now.values()))
        then, kept = counts["quarantined"].get(stage, {}), counts["rows"].get(stage)
        came_then = max(1, (kept or 0) + sum(then.values()))
        for reason in sorted({*now, *then}, key=lambda each: (-now.get(each, 0), each)):
            share = None if kept is None else then.get(reason, 0) / came_then
            found.append(Rate(stage, reason, now.get(reason, 0), now.get(reason, 0) / came, share))
    return found
