"""How varied a release is, and whether it has become less so than the one before.

Figures are of a sample that the ids alone decide, so that a release has the same ones whenever they are asked for.
Here: the sample, and comparing. Not here: the figures (curation/diversity.py).
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from unicorn_assets.curation.diversity import LOW_IS_VARIED, SAMPLE, diversity, vendi
from unicorn_assets.lake.query import open_sql
from unicorn_assets.lake.released import MANIFEST, records_sql, release_folder, release_versions
from unicorn_assets.lake.store import Lake
from unicorn_assets.lineage.diff import VECTORS, Release, named
from unicorn_assets.safetensors_header import head_of, read_header
from unicorn_assets.seals import Damaged


@dataclass(frozen=True)
class Trend:
    """Figures of a release and of the one before it, by name; `worse`: by which share each has become less varied."""

    release: str
    now: dict[str, float]
    before_release: str = ""
    before: dict[str, float] = field(default_factory=dict)

    @property
    def worse(self) -> dict[str, float]:
        """Above 0 where the release is less varied; of figures that both have."""
        found = {}
        for name, was in self.before.items():
            if name in self.now and was:
                change = self.now[name] / was - 1
                found[name] = round(change if name in LOW_IS_VARIED else -change, 4)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "worse": self.worse}


def trend(lake: Lake, name: str, before: str | None = None) -> Trend:
    """A release (see `named`) and another; by default the one of the same kind that was written last before it."""
    release = named(lake, name)
    earlier = named(lake, before) if before else _before(lake, release)
    if earlier is None:
        return Trend(release.name, figures(release, lake))
    return Trend(release.name, figures(release, lake), earlier.name, figures(earlier, lake))


def figures(release: Release, lake: Lake) -> dict[str, float]:
    """Of the SAMPLE records whose ids have the lowest hashes. Vectors are read on local disk only."""
    import duckdb

    records = records_sql(release.files, release.folder, release.manifest)
    with open_sql(lake) as sql:
        try:
            columns = [row[0] for row in sql.execute(f"DESCRIBE SELECT * FROM {records}").fetchall()]
            domain = "domain" if "domain" in columns else "NULL"
            rows = sql.execute(
                f"SELECT caption, {domain}, number FROM {records} ORDER BY md5(id), id LIMIT {SAMPLE}"
            ).fetchall()
        except duckdb.Error as error:
            raise Damaged(f"the records of {release.name}", next(iter(str(error).splitlines()), "")) from None
    found = diversity([row[0] for row in rows], [row[1] for row in rows if row[1] is not None])
    if release.files.is_local and rows and VECTORS in release.manifest["files"]:
        found["vendi"] = round(vendi(_vectors(release, sorted(row[2] for row in rows))), 2)
    return found


def _vectors(release: Release, numbers: list[int]) -> "np.ndarray[Any, np.dtype[np.float16]]":
    path = release.files.path(release.path(VECTORS))
    with release.files.fs.open(path, "rb") as file:
        header = read_header(head_of(file))
    shape = tuple(header.arrays["vectors"]["shape"])
    matrix = np.memmap(path, np.float16, "r", header.start, shape)
    return np.asarray(matrix[numbers])


def _before(lake: Lake, release: Release) -> Release | None:
    """The release of the same kind that was written last before this one; None when there is none."""
    asset, version = release.manifest["asset"], release.manifest["version"]

    def written(one: str) -> Any:
        return lake.files.fs.modified(lake.files.path(f"{release_folder(asset, one)}/{MANIFEST}"))

    known = release_versions(lake, asset)
    if version not in known:
        return None
    times = {one: written(one) for one in known}
    earlier = [one for one in known if one != version and times[one] <= times[version]]
    return named(lake, f"{asset}@{max(earlier, key=lambda one: (times[one], one))}") if earlier else None
