"""What two releases differ in: rows that are in one of them only, rows that changed, and why.

A row is its seed: what was made of the same seed in both releases is one row, changed if its text, its record or its
vector is another. Why is said by the two releases and by what the lake holds now: a seed that is gone, a gate, a
repeat. Here: reading and comparing. Not here: where releases lie (lake/released.py), printing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unicorn_assets.errors import UserError
from unicorn_assets.graph import RELEASES
from unicorn_assets.lake.files import Files
from unicorn_assets.lake.query import connect
from unicorn_assets.lake.released import (
    MANIFEST,
    latest_release,
    read_manifest,
    records_sql,
    release_folder,
    release_manifest,
    release_versions,
)
from unicorn_assets.lake.store import Lake
from unicorn_assets.safetensors_header import head_of, read_header
from unicorn_assets.seals import Damaged

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

SAMPLES = 3
"""Rows that are shown for each reason."""
BLOCK = 1 << 24  # bytes of vectors read at a time
VECTORS = "embeddings.safetensors"


@dataclass(frozen=True)
class Release:
    """A release that somebody named: where its files lie and what its manifest says."""

    name: str
    files: Files
    folder: str
    manifest: dict[str, Any]

    def path(self, name: str) -> str:
        """Name of one of its files below `files`."""
        return f"{self.folder}/{name}" if self.folder else name

    @property
    def shards(self) -> set[str]:
        """Shards that went in."""
        return {parent.rsplit("/", 1)[-1] for parent in self.manifest["parents"]}


@dataclass
class Reason:
    """Why some rows differ: how many, and ids of a few."""

    rows: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass
class Diff:
    """Rows of `b` that `a` lacks (in), rows of `a` that `b` lacks (out), and those that changed, each by reason."""

    a: str
    b: str
    rows_a: int
    rows_b: int
    same: int = 0
    rows_in: dict[str, Reason] = field(default_factory=dict)
    rows_out: dict[str, Reason] = field(default_factory=dict)
    changed: dict[str, Reason] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json; each part with the sum of its rows."""
        parts = {name: getattr(self, name) for name in ("rows_in", "rows_out", "changed")}
        totals = {f"{name}_total": sum(reason.rows for reason in part.values()) for name, part in parts.items()}
        return asdict(self) | totals


def named(lake: Lake, name: str) -> Release:
    """The release that `NAME` (the latest), `NAME@VERSION` or a folder means; a UserError says which there are."""
    asset, _, version = name.partition("@")
    if asset in RELEASES:
        known = release_versions(lake, asset)
        chosen = version or latest_release(lake, asset)
        if chosen not in known:
            there = ", ".join(f"{asset}@{each}" for each in known) or "none"
            raise UserError(f"the lake {lake.url} has no release {name}", f"of {asset} there is {there}")
        folder, manifest = release_folder(asset, chosen), release_manifest(lake, asset, chosen)
        return Release(f"{asset}@{chosen}", lake.files, folder, manifest)
    if not name or ("://" not in name and not Path(name).is_dir()):
        hint = f"name {', '.join(RELEASES)}, NAME@VERSION, or the folder of a release"
        raise UserError(f"{name!r} is no release and no folder", hint)
    files = Files(name, lake.storage_options if "://" in name else None)
    try:
        return Release(name, files, "", read_manifest(files.read(MANIFEST)))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{name} holds no {MANIFEST}: it is no release", "give the folder that has one") from None
    except (ValueError, IsADirectoryError) as error:
        raise UserError(f"{name}/{MANIFEST} is damaged: {error}", "`unicorn verify` looks at all files") from None


def diff(lake: Lake, one: str, other: str) -> Diff:
    """What release `other` (b) has other than `one` (a)."""
    a, b = named(lake, one), named(lake, other)
    if a.manifest["asset"] != b.manifest["asset"]:
        raise UserError(
            f"{a.name} and {b.name} are of different kinds: {a.manifest['asset']} and {b.manifest['asset']}",
            "compare two versions of one release",
        )
    import duckdb

    tables = ("seed_catalog", "quarantine", "near_duplicates")
    found = Diff(a.name, b.name, a.manifest["rows"], b.manifest["rows"])
    with connect(lake, tables=tables) as sql:
        try:
            for side, release in (("a", a), ("b", b)):
                _load(sql, side, release)
        except duckdb.Error as error:
            words = next(iter(str(error).splitlines()), "")
            raise Damaged(f"the records of {a.name} or {b.name}", words) from None
        sql.execute(_REFUSED).fetchall()
        came = sql.execute(_ONLY.format(mine="b", other="a")).fetchall()
        _sum(found.rows_in, (_why_in(a, b, row) for row in came))
        left = sql.execute(_ONLY.format(mine="a", other="b")).fetchall()
        _sum(found.rows_out, (_why_out(a, b, row) for row in left))
        _sum(found.changed, map(_why_changed, sql.execute(_CHANGED).fetchall()))
        _vectors(sql, found, a, b)
    found.same = found.rows_b - sum(part.rows for part in (*found.rows_in.values(), *found.changed.values()))
    return found


_COLUMNS = ("id", "seed_id", "model", "prompt_version", "request_hash", "shard")
# What is known of a row that only one release has: does the lake still have its seed, was it refused, does it repeat?
_ONLY = """
    SELECT m.id, m.source, m.shard, c.shard IS NOT NULL, m.source IN (SELECT source FROM seed_catalog),
      m.source IN (SELECT source FROM {other}), q.stage, q.reason, n.duplicate_of
    FROM {mine} m ANTI JOIN {other} o USING (seed_id)
    LEFT JOIN seed_catalog c ON c.seed_id = m.seed_id
    LEFT JOIN (FROM refused) q ON q.key = m.seed_id OR q.key = m.id
    LEFT JOIN near_duplicates n ON n.caption_id = m.id
    QUALIFY row_number() OVER (PARTITION BY m.id ORDER BY q.stage) = 1
    ORDER BY m.id"""
_REFUSED = """
    CREATE TEMP TABLE refused AS SELECT key, min(stage) AS stage, min(reason) AS reason FROM (
      SELECT row_id AS key, stage, reason FROM quarantine UNION ALL SELECT parent_id, stage, reason FROM quarantine
    ) GROUP BY key"""
_CHANGED = """
    SELECT b.id, a.id = b.id, a.model = b.model, a.prompt_version = b.prompt_version, a.request_hash = b.request_hash,
      a.model, b.model, a.prompt_version, b.prompt_version
    FROM a JOIN b USING (seed_id) WHERE a.record <> b.record ORDER BY b.id"""

_Said = tuple[str, str]  # a reason, and how a sample is called


def _load(sql: "Connection", side: str, release: Release) -> None:
    """A table of a release's rows, its records as hashes."""
    if not release.files.is_local and not sql.filesystem_is_registered("s3"):
        sql.register_filesystem(release.files.fs)
    rows = records_sql(release.files, release.folder, release.manifest)
    there = {row[0] for row in sql.execute(f"DESCRIBE FROM {rows}").fetchall()}
    source = "source" if "source" in there else "NULL::VARCHAR AS source"
    sql.execute(f"CREATE TEMP TABLE {side} AS SELECT {', '.join(_COLUMNS)}, {source}, number, "
                f"hash(id, caption, conversations) AS record FROM {rows}").fetchall()  # fmt: skip


def _why_out(a: Release, b: Release, row: tuple[Any, ...]) -> _Said:
    del a
    row_id, source, shard, seed_there, source_there, _, stage, reason, repeats = row
    if not seed_there:
        return ("its seed is gone" if source is None or source_there else f"source {source} was removed"), row_id
    if shard not in b.shards:
        return "its shard is not in the other release", row_id
    if repeats is not None:
        return "near duplicate", f"{row_id} of {repeats}"
    return ("the lake has moved on" if reason is None else f"refused by {stage}: {reason}"), row_id


def _why_in(a: Release, b: Release, row: tuple[Any, ...]) -> _Said:
    del b
    row_id, source, shard, _, _, source_before, *_ = row
    if source is not None and not source_before:
        return f"source {source} is new", row_id
    return ("its shard is new" if shard not in a.shards else "its seed is new, or it is accepted now"), row_id


def _why_changed(row: tuple[Any, ...]) -> _Said:
    row_id, same_id, model, prompt, answer, old_model, new_model, old_prompt, new_prompt = row
    if not prompt:
        return f"prompt {old_prompt} -> {new_prompt}", row_id
    if not model:
        return f"model {old_model} -> {new_model}", row_id
    if not answer:
        return "another draft was accepted, by other gates or sampling", row_id
    return "same answer, " + ("another record" if same_id else "its text cut otherwise by other gates"), row_id


def _sum(part: dict[str, Reason], rows: Iterator[_Said]) -> None:
    counts: Counter[str] = Counter()
    samples: dict[str, list[str]] = {}
    for reason, row_id in rows:
        counts[reason] += 1
        if len(kept := samples.setdefault(reason, [])) < SAMPLES:
            kept.append(row_id)
    for reason, count in counts.most_common():
        part[reason] = Reason(count, samples[reason])


# ---- vectors


def _vectors(sql: "Connection", found: Diff, a: Release, b: Release) -> None:
    """Rows whose text is the same and whose vector is another; files of one hash are not read."""
    if a.manifest["files"].get(VECTORS) == b.manifest["files"].get(VECTORS):
        return
    pairs = sql.execute("SELECT a.number, b.number, b.id FROM a JOIN b USING (seed_id) "
                        "WHERE a.record = b.record ORDER BY a.number").fetchall()  # fmt: skip
    if not pairs:
        return
    one, other = _hashes(a), _hashes(b)
    rows = (("vector changed", row_id) for at, then, row_id in pairs if one[at] != other[then])
    _sum(found.changed, rows)


def _hashes(release: Release) -> "np.ndarray[Any, np.dtype[np.uint64]]":
    """A 64-bit hash of each row's fp16 bytes, (rows,)."""
    found: list[np.ndarray[Any, np.dtype[np.uint64]]] = []
    with release.files.fs.open(release.files.path(release.path(VECTORS)), "rb", block_size=BLOCK) as file:
        header = read_header(head_of(file))
        rows, dimension = header.arrays["vectors"]["shape"]
        draws = np.random.default_rng(11).integers(1 << 63, size=dimension, dtype=np.uint64)
        factors = draws * np.uint64(2) + np.uint64(1)
        file.seek(header.start)
        step = max(1, BLOCK // max(1, 2 * dimension))
        for start in range(0, rows, step):
            count = min(step, rows - start)
            block = np.frombuffer(file.read(count * dimension * 2), dtype="<u2").reshape(count, dimension)
            found.append((block.astype(np.uint64) * factors).sum(axis=1, dtype=np.uint64))
    return np.concatenate([np.empty(0, np.uint64), *found])
