"""What a change of a prompt, a model, a source, a seed or a gate would change, and what that costs in calls.

Counted in the lake's tables; costs are rows times the drafts that such rows took and the tokens that the ledger
counted. Nobody is asked, nothing is written. Here: which rows, shards and releases. Not here: judging by other gates
(rejudge.py), what a run of a recipe would cost (plan/).
"""

from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from unicorn_assets.errors import UserError
from unicorn_assets.graph import RELEASES, TASK_NAMES
from unicorn_assets.lake.query import connect
from unicorn_assets.lake.released import latest_release, release_manifest, release_versions
from unicorn_assets.lake.store import Lake
from unicorn_assets.lineage.rejudge import Rejudged
from unicorn_assets.seals import Damaged

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

DRAFTS = "caption_drafts"
KINDS = ("prompt", "model", "source", "seed")
_TABLES = ("seeds", DRAFTS, "captions", *TASK_NAMES, "instructions", "quarantine", "ledger")


@dataclass
class Touched:
    """Rows of one table that change, in how many shards. For a table that an LLM is asked for also what it costs to ask
    for them again: `calls` by the drafts that these rows took, tokens and USD by what the ledger counted per call; None
    where it counted nothing.
    """

    rows: int
    shards: int
    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None


@dataclass
class Impact:
    """What a change touches: by table, the shards by name, and releases with how many of their shards change."""

    change: str
    lake: str
    tables: dict[str, Touched] = field(default_factory=dict)
    shards: list[str] = field(default_factory=list)
    releases: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    gate: Rejudged | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        total = {
            name: sum(getattr(each, name) or 0 for each in self.tables.values()) for name in ("calls", "tokens", "usd")
        }
        return asdict(self) | {"total": total}


def impact(lake: Lake, kind: str, name: str) -> Impact:
    """What follows when this prompt, model, source or seed changes; a UserError when the lake knows no such thing."""
    found = Impact(f"{kind} {name}", lake.url)
    with connect(lake, tables=_TABLES) as sql:
        _require(sql, kind, name)
        _mark(sql, kind, name)
        shards: set[str] = set()
        for table in (DRAFTS, "captions", *TASK_NAMES, "instructions"):
            rows, touched = _count(sql, table)
            shards.update(touched)
            if rows:
                found.tables[table] = Touched(rows, len(touched))
        _cost(sql, found.tables)
    if "captions" in found.tables:
        captions = found.tables["captions"]
        for vectors in ("text_embeddings", "image_embeddings"):
            found.tables[vectors] = Touched(captions.rows, captions.shards)
    found.shards = sorted(shards)
    found.releases = releases_with(lake, shards)
    if kind in ("source", "seed"):
        found.notes.append(f"taking the {kind} out costs no call; calls are those of asking its rows again")
    if found.shards:
        found.notes.append("near_duplicates, transfer and modality_gap are over all shards: they are made again")
    return found


def of_gate(lake: Lake, judged: Rejudged) -> Impact:
    """What follows when a gate changes: its stage's shards are all made again from the journal, and what hangs on rows
    that change goes with them.
    """
    change = f"gate {judged.gate}: {judged.before} -> {judged.after}"
    found = Impact(change, lake.url, gate=judged)
    found.shards = lake.shards(judged.stage)
    found.releases = releases_with(lake, set(found.shards))
    with connect(lake, tables=(judged.stage, "quarantine", "ledger")) as sql:
        sql.execute("CREATE TEMP TABLE hit (stage VARCHAR, id VARCHAR, shard VARCHAR, drafts BIGINT)")
        own = "seed_id" if judged.stage == DRAFTS else "caption_id"
        sql.execute(f"INSERT INTO hit SELECT '{judged.stage}', {own}, shard, drafts FROM {judged.stage}")
        sql.execute(
            "INSERT INTO hit SELECT stage, row_id, shard, attempts FROM quarantine WHERE stage = $1", [judged.stage]
        )
        every = {judged.stage: Touched(judged.rows, len(found.shards))}
        _cost(sql, every)
    waiting = judged.rows if judged.asks_anew else judged.outcomes["to be asked"].rows
    share = waiting / judged.rows if judged.rows else 0.0
    whole = every[judged.stage]
    changed = judged.rows - judged.outcomes["unchanged"].rows
    found.tables[judged.stage] = Touched(
        changed, len(found.shards), round((whole.calls or 0) * share),
        None if whole.tokens is None else round(whole.tokens * share), None if whole.usd is None else whole.usd * share,
    )  # fmt: skip
    if judged.stage in (DRAFTS, "captions"):
        _below(lake, found, 1.0 if judged.asks_anew else (judged.outcomes["changed"].rows +
               judged.outcomes["accepted now"].rows + waiting) / max(judged.rows, 1))  # fmt: skip
    if judged.asks_anew:
        found.notes.append(
            "the model is told this value, in the prompt or the schema: with it every row is asked again"
        )
    if judged.judged < judged.rows:
        found.notes.append(f"from {judged.judged:,} rows drawn at random, with 95 % intervals; --all judges every row")
    source = "their drafts" if judged.stage == "captions" else "the journal as far as answers are there"
    found.notes.append(f"all shards of the stage are made again, from {source}")
    return found


def _below(lake: Lake, found: Impact, share: float) -> None:
    """Pairs about captions that are new are asked for, too: as many of each task as such captions have now."""
    with connect(lake, tables=(*TASK_NAMES, "quarantine", "ledger")) as sql:
        sql.execute("CREATE TEMP TABLE hit (stage VARCHAR, id VARCHAR, shard VARCHAR, drafts BIGINT)")
        for task in TASK_NAMES:
            sql.execute(f"INSERT INTO hit SELECT '{task}', caption_id, shard, drafts FROM {task}")
        sql.execute("INSERT INTO hit SELECT stage, row_id, shard, attempts FROM quarantine WHERE stage <> $1", [DRAFTS])
        every: dict[str, Touched] = {}
        for task in TASK_NAMES:
            rows, shards = _count(sql, task)
            if rows:
                every[task] = Touched(rows, len(shards))
        _cost(sql, every)
    for task, whole in every.items():
        tokens, usd = whole.tokens, whole.usd
        found.tables[task] = Touched(
            round(whole.rows * share), whole.shards, round((whole.calls or 0) * share),
            None if tokens is None else round(tokens * share), None if usd is None else round(usd * share, 6),
        )  # fmt: skip


def releases_with(lake: Lake, shards: set[str]) -> list[dict[str, Any]]:
    """Releases that hold some of these shards, the latest of each first."""
    found = []
    for asset in RELEASES:
        latest = latest_release(lake, asset)
        for version in release_versions(lake, asset):
            try:
                manifest = release_manifest(lake, asset, version)
            except Damaged as damage:
                lake.report(damage.name, damage.reason)
                continue
            held = {parent.rsplit("/", 1)[-1] for parent in manifest["parents"]}
            if held & shards:
                found.append({"release": f"{asset}@{version}", "latest": version == latest, "rows": manifest["rows"],
                              "shards": len(held & shards), "of_shards": len(held)})  # fmt: skip
    return sorted(found, key=lambda each: (not each["latest"], each["release"]))


# ---- counting


def _require(sql: "Connection", kind: str, name: str) -> None:
    asking = (DRAFTS, *TASK_NAMES)
    if kind == "seed":
        if not sql.execute("SELECT 1 FROM seeds WHERE seed_id = $1 LIMIT 1", [name]).fetchone():
            raise UserError(
                f"the lake has no seed {name!r}", "`unicorn lineage ID` finds a seed by any name of its rows"
            )
        return
    if kind == "source":
        query = "SELECT DISTINCT source FROM seeds"
    elif kind == "model":
        query = " UNION ".join(f"SELECT model FROM {table}" for table in (*asking, "quarantine"))
    else:
        query = " UNION ".join(f"SELECT prompt_version FROM {table}" for table in asking)
    known = sorted(str(row[0]) for row in sql.execute(query).fetchall() if row[0] is not None)
    if kind == "prompt":
        known += sorted({each.rpartition("-")[0] for each in known} - {""})
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known[:12]) or 'none yet'}"
        raise UserError(f"nothing in the lake was made with the {kind} {name!r}", hint)


def _mark(sql: "Connection", kind: str, name: str) -> None:
    """`hit`: rows that a stage was asked about and that have to be asked about again, with the drafts they took."""
    values = {"name": name} if kind != "prompt" else {"name": name, "label": f"{name}-"}
    by_row = {"prompt": "(prompt_version = $name OR starts_with(prompt_version, $label))", "model": "model = $name"}
    sql.execute("CREATE TEMP TABLE hit (stage VARCHAR, id VARCHAR, shard VARCHAR, drafts BIGINT)")
    if kind in ("source", "seed"):
        column = "source" if kind == "source" else "seed_id"
        _put(sql, f"SELECT '{DRAFTS}', s.seed_id, s.shard, coalesce(d.drafts, q.attempts, 0) FROM seeds s "
             f"LEFT JOIN {DRAFTS} d USING (seed_id) "
             f"LEFT JOIN (FROM quarantine WHERE stage = '{DRAFTS}') q ON q.row_id = s.seed_id WHERE s.{column} = $name",
             values)  # fmt: skip
    else:
        for stage, key in ((DRAFTS, "seed_id"), *((task, "caption_id") for task in TASK_NAMES)):
            _put(sql, f"SELECT '{stage}', {key}, shard, drafts FROM {stage} WHERE {by_row[kind]}", values)
            # Refused rows do not name their prompt, but a shard is made with one.
            refused = (
                "model = $name" if kind == "model" else f"shard IN (SELECT shard FROM hit WHERE stage = '{stage}')"
            )
            only = values if kind == "model" else {}
            _put(
                sql,
                f"SELECT stage, row_id, shard, attempts FROM quarantine WHERE stage = '{stage}' AND {refused}",
                only,
            )
    # A caption that is written anew takes its pairs with it.
    sql.execute(f"CREATE TEMP TABLE gone AS SELECT c.caption_id, c.shard, c.task FROM captions c JOIN hit h "
                f"ON h.stage = '{DRAFTS}' AND h.id = c.seed_id").fetchall()  # fmt: skip
    for task in TASK_NAMES:
        _put(sql, f"SELECT '{task}', g.caption_id, g.shard, coalesce(t.drafts, q.attempts, 0) FROM gone g "
             f"LEFT JOIN {task} t USING (caption_id) "
             f"LEFT JOIN (FROM quarantine WHERE stage = '{task}') q ON q.row_id = g.caption_id "
             f"WHERE g.task = '{task}' AND g.caption_id NOT IN (SELECT id FROM hit WHERE stage = '{task}')",
             {})  # fmt: skip


def _put(sql: "Connection", query: str, values: dict[str, str]) -> None:
    sql.execute(f"INSERT INTO hit {query}", values or None).fetchall()


def _count(sql: "Connection", table: str) -> tuple[int, list[str]]:
    """Rows of a table that change, and in which shards: for tables that are asked for, rows that are asked about."""
    if table == "captions":
        query = "SELECT shard, count(*) FROM gone GROUP BY shard"
    elif table == "instructions":
        query = ("SELECT i.shard, count(*) FROM instructions i SEMI JOIN (SELECT id FROM hit WHERE stage <> "
                 f"'{DRAFTS}') h ON h.id = i.caption_id GROUP BY i.shard")  # fmt: skip
    else:
        query = f"SELECT shard, count(*) FROM hit WHERE stage = '{table}' GROUP BY shard"
    rows = sql.execute(query).fetchall()
    return sum(count for _, count in rows), [shard for shard, _ in rows]


def _cost(sql: "Connection", tables: dict[str, Touched]) -> None:
    """Calls by the drafts that the rows took; tokens and USD per call as the ledger counted them for the stage."""
    drafts = dict(sql.execute("SELECT stage, sum(greatest(drafts, 1)) FROM hit GROUP BY stage").fetchall())
    per_call = {row[0]: row[1:] for row in sql.execute(
        "SELECT asset, sum(prompt_tokens + completion_tokens) / sum(calls), "
        "sum(cost_usd) / sum(calls) FILTER (cost_usd IS NOT NULL) FROM ledger GROUP BY asset HAVING sum(calls) > 0"
    ).fetchall()}  # fmt: skip
    for name, touched in tables.items():
        if name in drafts:
            touched.calls = int(drafts[name])
            tokens, usd = per_call.get(name, (None, None))
            touched.tokens = None if tokens is None else round(touched.calls * tokens)
            touched.usd = None if usd is None else round(touched.calls * usd, 6)
