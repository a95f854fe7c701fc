"""The whole chain of a row, both ways: source file -> seed -> caption -> instruction, embedding, releases.

Rows never cross shards, so that once the row is found only its shard is read. Here: walking. Not here: showing
(the command line), finding the row (find.py), or what was asked and answered about it (lineage/drafts.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from unicorn_assets.graph import ASKING, ASSETS, REFUSING, RELEASES, TASK_NAMES, VECTORS
from unicorn_assets.lake.find import Found, find
from unicorn_assets.lake.released import latest_release, release_manifest, release_row, release_versions
from unicorn_assets.lake.shards import shard_info
from unicorn_assets.lake.store import ALL, Lake, ShardInfo
from unicorn_assets.lake.verdicts import verdict_on
from unicorn_assets.seals import Damaged


@dataclass(frozen=True)
class Step:
    """One thing in the chain and what came of it. `asked` marks the row that was asked for."""

    # source, seed, caption, near_duplicate, a task, instruction, text_embedding, image_embedding, release, quarantine,
    # prompt, draft, shard or an asset
    kind: str
    id: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    children: tuple["Step", ...] = ()
    asked: bool = False


@dataclass(frozen=True)
class Lineage:
    """The tree around a row: its ancestors above it, all that was made of it below."""

    id: str
    kind: str
    shard: str
    steps: tuple[Step, ...]

    def to_dict(self) -> dict[str, Any]:
        """The tree as JSON-serialisable values."""
        return asdict(self)


Drafts: TypeAlias = Callable[[str, ShardInfo, Mapping[str, Any] | None, Mapping[str, Any]], Sequence[Step]]
"""What a stage asked about a row, and the drafts that came: of a stage, its shard's description, the parent's row if it
is there, and the row itself, of a table or of the quarantine.
"""


def trace(lake: Lake, row_id: str, drafts: Drafts = lambda *_: ()) -> Lineage:
    """Lineage of whatever `find` knows; a UserError when the id is unknown. `drafts` tells what was asked."""
    found = find(lake, row_id)
    walk = _Walk(lake, found, drafts)
    return Lineage(found.row_id, found.kind, found.shard, tuple(walk.steps(row_id)))


class _Walk:
    """Reads the tables of one shard once and hangs their rows on each other."""

    def __init__(self, lake: Lake, found: Found, drafts: Drafts) -> None:
        self.lake, self.found, self.row_id, self.shard = lake, found, found.row_id, found.shard
        self._drafts = drafts
        self._frames: dict[tuple[str, str], pl.DataFrame | None] = {}
        self._infos: dict[str, ShardInfo | None] = {}
        self._refusing = set(lake.files.walk("tables/quarantine", ".parquet"))
        self._source = ""

    def steps(self, asked: str) -> list[Step]:
        """Top of the tree: the source's row, or what is known of a row without a seed. `asked`: as it was called."""
        self._source = asked
        if self.found.kind == "shard":
            return [Step("shard", self.shard, {}, (*self._assets(), *self._of_releases()), asked=True)]
        if self.found.seed_id is None and self.found.caption_id is None:
            return self._quarantine(row_id=self.row_id)
        seed_id = self.found.seed_id or self._seed_of_caption()
        seeds = self._rows("seeds", seed_id=seed_id) or self._rows("seed_catalog", ALL, seed_id=seed_id)
        seed = seeds[0] if seeds else None
        if seed is None:  # the seed was taken out of its source since
            return [self._caption(self.found.caption_id)] if self.found.caption_id else []
        place = f"{seed['file']}:{seed['row']}"
        facts = {"source": seed["source"], "file": seed["file"], "row": seed["row"]}
        return [Step("source", place, facts, (self._seed(seed),), asked=place == self._source)]

    def _seed(self, seed: Mapping[str, Any]) -> Step:
        seed_id = seed["seed_id"]
        facts = {"text": seed["text"], "domain": seed["domain"]}
        if seed["label"]:
            facts |= {"label": seed["label"], "template": seed["text"].replace(seed["label"], "{label}")}
        if self.found.caption_id:
            below = [self._caption(self.found.caption_id)]
        else:
            captions = [row["caption_id"] for row in self._rows("caption_drafts", seed_id=seed_id)]
            refused = self._quarantine(row_id=seed_id, parent_id=seed_id)
            refused = [step for step in refused if step.id not in captions]
            below = [*map(self._caption, captions), *refused]
        return self._step("seed", seed_id, facts | self._made("seeds"), below)

    def _caption(self, caption_id: str) -> Step:
        accepted = self._rows("captions", caption_id=caption_id)
        row = (accepted or self._rows("caption_drafts", caption_id=caption_id) or [{}])[0]
        facts = {"text": row.get("text"), "words": row.get("words"), "accepted": bool(accepted), **_origin(row)}
        facts |= self._made("captions" if accepted else "caption_drafts")
        asked = self._asked("caption_drafts", self._seed_row(row.get("seed_id")), row)
        below: list[Step] = [*self._quarantine(row_id=caption_id, parent_id=caption_id), *self._repeats(caption_id)]
        instructions = list(self._instructions(caption_id))
        if self.found.kind == "instruction":
            instructions = [step for step in instructions if self.row_id == step.id]
        else:
            below += self._releases(RELEASES[0], caption_id)
        vectors = (step for name in VECTORS for step in self._vectors(name, caption_id))
        return self._step("caption", caption_id, facts, [*asked, *vectors, *instructions, *below])

    def _instructions(self, caption_id: str) -> Iterator[Step]:
        records = self._rows("instructions", caption_id=caption_id)
        for task in TASK_NAMES:
            for draft in self._rows(task, caption_id=caption_id):
                if draft["instruction_id"] not in {record["instruction_id"] for record in records}:
                    facts = {"pairs": draft["pairs"], **_origin(draft), **self._made(task)}
                    yield self._step(task, draft["instruction_id"], facts, self._asked_about(task, draft))
        for record in records:
            facts = {"task": record["task"], "pairs": record["pairs"], "conversations": record["conversations"]}
            facts |= _origin(record) | self._made("instructions")
            below = [*self._asked_about(record["task"], record), *self._releases(RELEASES[1], caption_id)]
            yield self._step("instruction", record["instruction_id"], facts, below)

    def _repeats(self, caption_id: str) -> list[Step]:
        """Near-duplicates both ways; the other caption may be in another shard."""
        pairs = self._frame("near_duplicates", ALL)
        if pairs is None:
            return []
        either = (pl.col("caption_id") == caption_id) | (pl.col("duplicate_of") == caption_id)
        steps = []
        for pair in pairs.filter(either).to_dicts():
            repeats = pair["caption_id"] == caption_id
            other = pair["duplicate_of"] if repeats else pair["caption_id"]
            relation = "is repeated by this caption" if repeats else "repeats this caption"
            told = {name: pair[name] for name in ("kind", "jaccard", "cosine") if pair.get(name) is not None}
            steps.append(Step("near_duplicate", other, {"relation": relation, **told}))
        return steps

    def _vectors(self, name: str, caption_id: str) -> list[Step]:
        found, info = self.lake.find_vectors(name, self.shard), self._info(name)
        if info is None or found is None:
            return []
        ids, vectors = found
        if caption_id not in ids:
            return []
        row = ids.index(caption_id)
        norm = float(np.linalg.norm(vectors[row].astype(np.float64)))
        facts = {"row": row, "dimension": int(vectors.shape[1]), "norm": norm}
        return [Step(name.removesuffix("s"), caption_id, facts | self._made(name))]

    def _asked_about(self, task: str, row: Mapping[str, Any]) -> list[Step]:
        """What was asked about a caption, whose row says by which answer it was made."""
        captions = self._rows("captions", caption_id=row["caption_id"])
        return self._asked(task, captions[0] if captions else None, row)

    def _asked(self, stage: str, parent: Mapping[str, Any] | None, row: Mapping[str, Any]) -> list[Step]:
        info = self._info(stage)
        return [] if info is None else list(self._drafts(stage, info, parent, row))

    def _releases(self, asset: str, caption_id: str) -> list[Step]:
        """Releases with a record of this caption; those made without its shard are not opened."""
        steps, latest = [], latest_release(self.lake, asset)
        for version in release_versions(self.lake, asset):
            try:
                manifest = release_manifest(self.lake, asset, version)
                if _holds(manifest, self.shard):
                    row = release_row(self.lake, asset, manifest, caption_id, self.shard)
                    if row is not None:
                        facts = {"record": row, "latest": version == latest, "recipe": manifest["recipe"]["hash"]}
                        steps.append(Step("release", f"{asset}/{version}", facts))
            except Damaged as damage:
                self.lake.report(damage.name, damage.reason)
        return steps

    def _quarantine(self, **ids: str) -> list[Step]:
        """Refusals of any stage where one of the given ids fits."""
        steps, asked = [], self.found.kind == "quarantine"
        for stage in REFUSING:
            for shard in dict.fromkeys((self.shard, ALL)):
                if f"{stage}/{shard}.parquet" not in self._refusing:
                    continue
                for row in self._rows_any(f"quarantine/{stage}", shard, ids):
                    row_id, row["at"] = row.pop("row_id"), row["at"].isoformat()
                    asks = stage in ASKING
                    below = self._asked(stage, self._parent(stage, row_id), row) if asks else []
                    mine = asked and row_id == self.row_id
                    steps.append(Step("quarantine", row_id, row, tuple(below), mine))
        return steps

    def _parent(self, stage: str, row_id: str) -> Mapping[str, Any] | None:
        """The row that a stage which asks was asked about."""
        parent = ASSETS[stage].parents[0]
        rows = self._rows(parent, **{"seed_id" if parent == "seeds" else "caption_id": row_id})
        return rows[0] if rows else None

    def _seed_row(self, seed_id: str | None) -> Mapping[str, Any] | None:
        rows = self._rows("seeds", seed_id=seed_id) if seed_id else []
        return rows[0] if rows else None

    def _assets(self) -> Iterator[Step]:
        """What there is of the shard."""
        for asset in ASSETS.values():
            info = self._info(asset.name) if asset.by_shard else None
            if info is not None:
                refused = {"quarantined": dict(info.extra["quarantined"])} if info.extra.get("quarantined") else {}
                facts = {"rows": info.rows, **refused, **self._made(asset.name), "parents": dict(info.made.parents)}
                yield Step(asset.name, f"{asset.name}/{self.shard}", facts)

    def _of_releases(self) -> Iterator[Step]:
        for asset in RELEASES:
            latest = latest_release(self.lake, asset)
            for version in release_versions(self.lake, asset):
                try:
                    manifest = release_manifest(self.lake, asset, version)
                except Damaged as damage:
                    self.lake.report(damage.name, damage.reason)
                    continue
                if _holds(manifest, self.shard):
                    facts = {
                        "latest": version == latest,
                        "rows": manifest["rows"],
                        "recipe": manifest["recipe"]["hash"],
                    }
                    yield Step("release", f"{asset}/{version}", facts)

    def _seed_of_caption(self) -> str | None:
        rows = self._rows("caption_drafts", caption_id=self.found.caption_id)
        return rows[0]["seed_id"] if rows else None

    def _step(self, kind: str, row_id: str, facts: Mapping[str, Any], children: list[Step]) -> Step:
        return Step(kind, row_id, facts, tuple(children), asked=row_id == self.row_id)

    def _made(self, table: str) -> dict[str, Any]:
        """What made the shard of `table` that the row is in, and what its checks found."""
        info = self._info(table)
        if info is None:
            return {"shard": self.shard}
        verdict = verdict_on(self.lake, table, self.shard, info.content)
        checks = "not judged" if verdict is None else ", ".join(verdict.failed) or "passed"
        made = {"recipe": info.made.recipe, "code_version": info.made.code_version, "checks": checks}
        return {"shard": self.shard, **made}

    def _info(self, name: str) -> ShardInfo | None:
        if name not in self._infos:
            self._infos[name] = shard_info(self.lake, name, self.shard)
        return self._infos[name]

    def _rows_any(self, table: str, shard: str, ids: Mapping[str, str]) -> list[dict[str, Any]]:
        frame = self._frame(table, shard)
        either = pl.any_horizontal(*(pl.col(column) == value for column, value in ids.items()))
        return [] if frame is None else frame.filter(either).to_dicts()

    def _rows(self, table: str, shard: str | None = None, **where: str | None) -> list[dict[str, Any]]:
        frame = self._frame(table, shard or self.shard)
        if frame is None:
            return []
        return frame.filter(*(pl.col(column) == value for column, value in where.items())).to_dicts()

    def _frame(self, table: str, shard: str) -> pl.DataFrame | None:
        if (table, shard) not in self._frames:
            self._frames[table, shard] = self.lake.find(table, shard)
        return self._frames[table, shard]


def _holds(manifest: Mapping[str, Any], shard: str) -> bool:
    return any(parent.rsplit("/", 1)[-1] == shard for parent in manifest["parents"])


def _origin(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in ("model", "prompt_version", "request_hash", "drafts")}
