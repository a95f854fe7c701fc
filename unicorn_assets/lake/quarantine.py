"""The quarantine for people: what was refused, by stage and reason, and which rows get further drafts.

Here: counting, showing, choosing rows. Not here: how grants are kept (redrives.py), or asking (generation/rounds.py).
"""

import difflib
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from unicorn_assets.errors import UserError
from unicorn_assets.graph import REFUSING, VECTORS
from unicorn_assets.lake.query import connect, fetch
from unicorn_assets.lake.redrives import grant
from unicorn_assets.lake.store import Lake

NO_ANSWER = {
    "seed_catalog": "edit the source, or `seeds` in the recipe (min_chars, max_chars), then `unicorn run`",
    "captions": "edit `near_duplicates.threshold` in the recipe, or `cosine` beside it, then `unicorn run`",
    "instructions": "its record follows from the pairs: `unicorn run` makes it again when they change",
    "text_embeddings": "edit `captions.gates.max_words` in the recipe, or choose another encoder, then `unicorn run`",
}
INSTEAD = {
    "drifted": "lower `drift.min_cosine` in the recipe, or take `drift` out, then `unicorn run`",
    "leaked": "it holds an item of a benchmark in the recipe (docs/leaks.md)",
}
"""What helps against reasons that stages without an LLM give beside those of NO_ANSWER."""
NOT_REFUSED = {"surplus": "these rows are good: set `accept.exact: false` in the recipe, then `unicorn run`"}


@dataclass(frozen=True)
class Group:
    """Rows that one stage refused for one reason. `share` of all rows that came to the stage, 0 to 1."""

    stage: str
    reason: str
    rows: int
    share: float
    example_id: str
    example_detail: str
    can_retry: bool
    instead: str  # what to do where a retry is of no use, else empty

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Chosen:
    """Rows of one shard that were granted further drafts."""

    stage: str
    shard: str
    rows: int


_SUMMARY = """
    SELECT stage, reason, count(*) AS rows, arg_min(row_id, shard || row_id) AS example_id,
      arg_min(coalesce(detail, ''), shard || row_id) AS example_detail
    FROM quarantine GROUP BY stage, reason ORDER BY rows DESC, reason"""
_WHERE = " AND ".join(f"(${name} IS NULL OR {name} = ${name})" for name in ("stage", "reason", "shard"))


def summary(lake: Lake, stage: str | None = None, reason: str | None = None) -> list[Group]:
    """Groups in the order of the stages, the largest first; narrowed to a stage or a reason."""
    _known(stage)
    with connect(lake, tables=("quarantine",)) as sql:
        found = fetch(sql, _SUMMARY).to_dicts()
    refused = Counter[str]()
    for group in found:
        refused[group["stage"]] += group["rows"]
    shown = [g for g in found if stage in (None, g["stage"]) and reason in (None, g["reason"])]
    if reason is not None and not shown:
        raise _no_such(found, stage, reason)
    passed = _passed(lake, sorted({group["stage"] for group in shown}))
    groups = [
        Group(
            **group,
            share=group["rows"] / (refused[group["stage"]] + passed[group["stage"]]),
            can_retry=not (instead := _instead(group["stage"], group["reason"])),
            instead=instead,
        )
        for group in shown
    ]
    return sorted(groups, key=lambda group: REFUSING.index(group.stage))


def rows_of(
    lake: Lake, count: int, stage: str | None = None, reason: str | None = None, shard: str | None = None
) -> pl.DataFrame:
    """At most `count` rows of the table `quarantine` with their shard, in order of stage, shard and id."""
    _known(stage)
    order = ", ".join(f"stage = '{name}' DESC" for name in REFUSING)
    query = f"SELECT shard, * EXCLUDE (shard) FROM quarantine WHERE {_WHERE} ORDER BY {order}, shard, row_id LIMIT $n"
    with connect(lake, tables=("quarantine",)) as sql:
        return fetch(sql, query, {"stage": stage, "reason": reason, "shard": shard, "n": count})


def redrive(lake: Lake, stage: str | None, reason: str | None, shard: str | None, drafts: int) -> list[Chosen]:
    """Grant `drafts` further drafts to each row that is in quarantine by this stage, reason and shard."""
    _known(stage)
    if stage is None and reason is None:
        raise UserError("say which rows", "give --stage, --reason or both; `unicorn quarantine` lists them")
    for why in (INSTEAD.get(reason or ""), NO_ANSWER.get(stage or ""), NOT_REFUSED.get(reason or "")):
        if why:
            raise UserError(f"{reason or stage}: no LLM answer was at fault, so that no other one can help", why)
    with connect(lake, tables=("quarantine",)) as sql:
        query = f"SELECT stage, shard, reason, row_id FROM quarantine WHERE {_WHERE} ORDER BY shard, row_id"
        found = fetch(sql, query, {"stage": stage, "reason": reason, "shard": shard})
    groups: dict[tuple[str, str], list[str]] = {}
    for row_stage, row_shard, row_reason, row_id in found.iter_rows():
        if not _instead(row_stage, row_reason):
            groups.setdefault((row_stage, row_shard), []).append(row_id)
    if not groups:
        raise _nothing(lake, stage, reason, shard)
    for (row_stage, row_shard), row_ids in groups.items():
        grant(lake, row_stage, row_shard, row_ids, drafts)
    return [Chosen(row_stage, row_shard, len(row_ids)) for (row_stage, row_shard), row_ids in groups.items()]


def _instead(stage: str, reason: str) -> str:
    told = INSTEAD.get(reason) if stage in NO_ANSWER else None
    return told or NO_ANSWER.get(stage) or NOT_REFUSED.get(reason, "")


def _passed(lake: Lake, stages: Iterable[str]) -> dict[str, int]:
    """Rows that a stage let through."""
    wanted = list(stages)
    tables = [stage for stage in wanted if stage not in VECTORS]
    with connect(lake, tables=tables) as sql:
        counts = {table: int(fetch(sql, f"SELECT count(*) AS n FROM {table}")["n"][0]) for table in tables}
    for name in set(wanted) - set(tables):
        infos = (lake.vector_info(name, shard) for shard in lake.vector_shards(name))
        counts[name] = sum(info.rows for info in infos if info is not None)
    return counts


def _known(stage: str | None) -> None:
    if stage is not None and stage not in REFUSING:
        near = difflib.get_close_matches(stage, REFUSING, 1)
        hint = f"did you mean {near[0]}?" if near else f"the stages are {', '.join(REFUSING)}"
        raise UserError(f"no stage is called {stage!r}", hint)


def _nothing(lake: Lake, stage: str | None, reason: str | None, shard: str | None) -> UserError:
    """Why no row was chosen."""
    if reason is not None:
        groups = summary(lake, stage, reason)  # raises when nothing has this reason
        if all(group.instead for group in groups):
            return UserError(f"{reason}: no LLM answer was at fault, so that no other one can help", groups[0].instead)
    where = f" of shard {shard!r}" if shard else ""
    return UserError(f"no row{where} to ask again is in quarantine", "`unicorn quarantine` lists what there is")


def _no_such(found: list[dict[str, Any]], stage: str | None, reason: str) -> UserError:
    known = sorted({group["reason"] for group in found if stage in (None, group["stage"])})
    near = difflib.get_close_matches(reason, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"the reasons are {', '.join(known)}" if known else "it is empty"
    return UserError(f"nothing is in quarantine with the reason {reason!r}", hint)
