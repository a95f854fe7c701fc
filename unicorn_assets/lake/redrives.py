"""Further drafts that a person granted to quarantined rows: `redrives/<stage>/<shard>.json`, a small file each.

A grant is part of what makes a shard: it enters the shard's `inputs` as a parent, so that the shard is stale until it
is made with it. Here: keeping grants. Not here: choosing rows (quarantine.py), or asking (generation/rounds.py).
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.lake.store import Lake
from unicorn_assets.seals import open_json, seal_json

FOLDER = "redrives"
Rows = Mapping[str, int]  # row id -> further drafts in all


class Redrives:
    """Grants of one stage as they were when first read, so that a shard is made with what its `inputs` say."""

    def __init__(self, lake: Lake, stage: str) -> None:
        self._lake, self._stage = lake, stage
        self._rows: dict[str, Rows] = {}

    @cached_property
    def _there(self) -> set[str]:
        return set(self._lake.files.names(f"{FOLDER}/{self._stage}", ".json"))

    def rows(self, shard: str) -> Rows:
        """Further drafts by row id; empty for a shard without grants."""
        if shard not in self._rows:
            there = f"{shard}.json" in self._there
            self._rows[shard] = _read(self._lake, self._stage, shard)["rows"] if there else {}
        return self._rows[shard]

    def parents(self, shard: str) -> dict[str, str]:
        """What a shard's `Made` lists besides its other parents; nothing for a shard without grants."""
        return _parent(self._stage, shard, self.rows(shard))


def grant(lake: Lake, stage: str, shard: str, row_ids: Iterable[str], drafts: int) -> None:
    """Grant `drafts` further drafts to each row. Said twice before the shard is made, it counts once."""
    known = _read(lake, stage, shard)
    info = lake.info(stage, shard)
    made_with = {} if info is None else info.made.parents
    parent = _parent(stage, shard, known["rows"])
    if all(made_with.get(name) == value for name, value in parent.items()):
        known["used"] = known["rows"]
    rows = {**known["rows"], **{row_id: known["used"].get(row_id, 0) + drafts for row_id in row_ids}}
    lake.files.write(_name(stage, shard), seal_json({"rows": rows, "used": known["used"]}))


def _parent(stage: str, shard: str, rows: Rows) -> dict[str, str]:
    return {f"{FOLDER}/{stage}/{shard}": digest(dict(rows))} if rows else {}


def _name(stage: str, shard: str) -> str:
    return f"{FOLDER}/{stage}/{shard}.json"


def _read(lake: Lake, stage: str, shard: str) -> dict[str, dict[str, int]]:
    """`rows`: all grants; `used`: those that the shard had been made with when the last ones were added."""
    name = _name(stage, shard)
    try:
        return read_grants(lake.files.read(name))
    except FileNotFoundError:
        return {"rows": {}, "used": {}}
    except (ValueError, IsADirectoryError) as error:
        raise UserError(
            f"{name} in the lake cannot be read: {error}",
            "remove it, or `unicorn verify --repair`: the further drafts that were granted to this shard are forgotten",
        ) from None


def read_grants(data: bytes) -> dict[str, dict[str, int]]:
    """What `grant` wrote; ValueError when it was changed."""
    plain = open_json(data, ("rows", "used"))
    try:
        return {part: {str(row): int(n) for row, n in plain[part].items()} for part in ("rows", "used")}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its description is not one: {error}") from None
