"""Where a row with a given id is: which table and which shard. Scans id columns only.

Here: looking up. Not here: walking from a row to its relatives (lineage.py).
"""

from dataclasses import dataclass, replace

from unicorn_assets.errors import UserError
from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.lake.query import connect
from unicorn_assets.lake.schemas import TABLES
from unicorn_assets.lake.store import Lake


@dataclass(frozen=True)
class Found:
    """A row's place, and the ids of its chain as far as the row's own table tells them."""

    kind: str  # seed, caption, instruction or quarantine
    shard: str
    seed_id: str | None = None
    caption_id: str | None = None
    instruction_id: str | None = None


# Kind of row, its table, the condition. The first letter of an id says which to ask first; the others follow, so that
# any id is found. All these tables are scanned by one column.
_LOOKUPS = {
    "s": ("seed", "seed_catalog", "seed_id = $1"),
    "c": ("caption", "caption_drafts", "caption_id = $1"),
    "i": ("instruction", "instructions", "instruction_id = $1"),
    "file:row": ("seed", "seed_catalog", "file || ':' || row = $1"),
    "captions": ("caption", "captions", "caption_id = $1"),
    **{task: ("instruction", task, "instruction_id = $1") for task in TASK_NAMES},
}
_IDS = ("seed_id", "caption_id", "instruction_id")
_NEAREST = """
    SELECT id FROM (
        SELECT seed_id AS id FROM seed_catalog UNION ALL SELECT caption_id FROM caption_drafts
        UNION ALL SELECT instruction_id FROM instructions
    ) WHERE starts_with(id, $1) OR levenshtein(id, $1) <= 5
    ORDER BY NOT starts_with(id, $1), levenshtein(id, $1), id LIMIT 3"""
FORMS = "ids look like s0123456789abcdef (seed), c... (caption), i... (instruction), or file.csv:12 (row of a source)"


def find(lake: Lake, row_id: str) -> Found:
    """The place of a row; a UserError shows the nearest ids when there is none."""
    for key in sorted(_LOOKUPS, key=lambda key: key != row_id[:1]):
        found = _look_up(lake, key, row_id)
        if found:
            return found
    with connect(lake, tables=("quarantine",)) as sql:
        refused = sql.execute("SELECT shard, parent_id FROM quarantine WHERE row_id = $1", [row_id]).fetchone()
    if refused:
        shard, parent = refused
        above = (_look_up(lake, "c", parent) or _look_up(lake, "s", parent)) if parent else None
        return replace(above, kind="quarantine") if above else Found("quarantine", shard)
    near: list[str] = []
    if row_id:
        with connect(lake, tables=("seed_catalog", "caption_drafts", "instructions")) as sql:
            near = [row[0] for row in sql.execute(_NEAREST, [row_id]).fetchall()]
    raise UserError(
        f"no row of the lake {lake.url} has the id {row_id!r}",
        f"did you mean {' or '.join(near)}?" if near else FORMS,
    )


def _look_up(lake: Lake, key: str, row_id: str) -> Found | None:
    kind, table, condition = _LOOKUPS[key]
    columns = ", ".join(name if name in TABLES[table] else "NULL" for name in _IDS)
    with connect(lake, tables=(table,)) as sql:
        row = sql.execute(f"SELECT shard, {columns} FROM {table} WHERE {condition}", [row_id]).fetchone()
    return Found(kind, *row) if row else None
