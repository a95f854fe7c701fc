"""The check queries: SQL files with a header that says what they mean and how hard they fail.

They lie in sql/<asset>/; those in sql/tasks/ hold for every task, whose name stands for {task}.

A query returns the violating rows; no row means the check passes. Header lines, all needed:
    -- about: one sentence, the expectation
    -- severity: error | warn
    -- blocking: yes | no
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.lake.query import fetch

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection

SQL = Path(__file__).parent / "sql"
SHARED = "tasks"


@dataclass(frozen=True)
class Query:
    """One check of one asset."""

    asset: str
    name: str
    about: str
    is_error: bool
    blocking: bool
    sql: str

    @property
    def by_shard(self) -> bool:
        """Whether each violating row names its shard; else the query speaks of all that it sees together."""
        return re.search(r"^[^-].*\bshard\b", self.sql, re.MULTILINE) is not None


def queries() -> dict[str, list[Query]]:
    """All checks by asset, sorted by name."""
    found: dict[str, list[Query]] = {}
    for file in SQL.glob("*/*.sql"):
        text = file.read_text(encoding="utf-8")
        for asset in TASK_NAMES if file.parent.name == SHARED else (file.parent.name,):
            found.setdefault(asset, []).append(parse(asset, file.stem, text.replace("{task}", asset)))
    return {asset: sorted(found[asset], key=lambda query: query.name) for asset in sorted(found)}


def parse(asset: str, name: str, text: str) -> Query:
    """A query from a file's text; the header is required so that no check lacks its meaning."""
    header = dict(re.findall(r"^-- (about|severity|blocking): (.+)$", text, re.MULTILINE))
    if set(header) != {"about", "severity", "blocking"}:
        raise ValueError(f"{asset}/{name}.sql: the header needs about, severity and blocking, has {sorted(header)}")
    if header["severity"] not in ("error", "warn") or header["blocking"] not in ("yes", "no"):
        raise ValueError(f"{asset}/{name}.sql: severity is error or warn, blocking is yes or no")
    return Query(asset, name, header["about"], header["severity"] == "error", header["blocking"] == "yes", text)


def violations(connection: "Connection", query: Query, parameters: Mapping[str, Any]) -> pl.DataFrame:
    """The rows that break the check, sorted: the first are shown and kept. `parameters` are the recipe's thresholds;
    the query names some as $x.
    """
    rows = fetch(connection, query.sql, parameters_of(query, parameters))
    return rows.sort(rows.columns, nulls_last=True) if rows.height > 1 else rows


def parameters_of(query: Query, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the recipe's thresholds that the query names."""
    return {name: parameters[name] for name in sorted(set(re.findall(r"\$(\w+)", query.sql)))}
