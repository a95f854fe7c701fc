"""Judging shards by the rules of their asset, and adding up what is known of all of them.

A shard is judged when a run made it, and whenever there is no verdict on what it holds now: whoever changed it, also
outside of any run. What the checks say is always a sum over all shards, so that no run over good shards hides a bad
one. Here: that sum. Not here: the rules (queries.py), Dagster's results (factory.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from unicorn_assets.assets.metadata import sample
from unicorn_assets.checks.queries import Query, parameters_of, violations
from unicorn_assets.checks.views import open_views
from unicorn_assets.graph import ASSETS, RELEASES
from unicorn_assets.ids import digest
from unicorn_assets.lake.store import ALL, Lake
from unicorn_assets.lake.verdicts import Broken, Seen, Verdict, judged_key, look, write_verdict

EXAMPLES = 5
"""Rows of each shard that are kept to be shown."""


@dataclass(frozen=True)
class Finding:
    """What is wrong with one shard by one check: rows that break it, or why the shard cannot be judged."""

    shard: str
    rows: int = 0
    damage: str = ""
    example: str = ""
    first: str = ""


@dataclass(frozen=True)
class Findings:
    """What is true of all shards of an asset: by check those that are not good. `shards`: how many there are;
    `judged`: those that were judged just now.
    """

    shards: int
    judged: Sequence[str]
    broken: Mapping[Query, Sequence[Finding]] = field(default_factory=dict)


def judge(
    lake: Lake, asset: str, rules: Sequence[Query], limits: Mapping[str, Any], shards: Sequence[str], run: Sequence[str]
) -> Findings:
    """Judge the shards of `run`, and all others of `shards` on which there is no verdict; keep the verdicts."""
    if not ASSETS[asset].by_shard:
        return _whole(lake, asset, rules, limits, shards)
    key = digest([[rule.name, rule.sql, parameters_of(rule, limits)] for rule in rules])
    seen = look(lake, asset, shards)
    there = [shard for shard, each in seen.items() if each.info is not None and not each.damage]
    chosen = {shard for shard in there if shard in set(run) or not _judged(seen[shard], key)}
    fresh = _judge(lake, asset, rules, limits, [shard for shard in there if shard in chosen])
    verdicts = {shard: fresh.get(shard) or _known(seen[shard]) for shard in there}
    for shard, broken in fresh.items():
        info = seen[shard].info
        assert info is not None, "only shards that are there are judged"
        verdict = Verdict(info.content, judged_key(seen[shard], key), broken)
        if verdict != seen[shard].verdict:
            write_verdict(lake, asset, shard, verdict)
    found: dict[Query, list[Finding]] = {}
    for rule in rules:
        found[rule] = [Finding(shard, damage=each.damage) for shard, each in seen.items() if each.damage]
        if rule.by_shard:
            found[rule] += [
                _finding(shard, broken[rule.name]) for shard, broken in verdicts.items() if rule.name in broken
            ]
        else:  # it speaks of all shards together
            found[rule] += _together(lake, asset, rule, limits, there)
    return Findings(len(there), sorted(chosen), found)


def _judge(
    lake: Lake, asset: str, rules: Sequence[Query], limits: Mapping[str, Any], shards: Sequence[str]
) -> dict[str, dict[str, Broken]]:
    """By shard and check, what breaks the rules that speak of single shards."""
    verdicts: dict[str, dict[str, Broken]] = {shard: {} for shard in shards}
    if not shards:
        return verdicts
    with open_views(lake, asset, shards) as connection:
        for rule in rules:
            if rule.by_shard:
                rows = violations(connection, rule, limits)
                for (shard,), part in rows.partition_by("shard", as_dict=True).items():
                    if shard in verdicts:
                        verdicts[shard][rule.name] = _broken(rule, part)
    return verdicts


def _whole(
    lake: Lake, asset: str, rules: Sequence[Query], limits: Mapping[str, Any], shards: Sequence[str]
) -> Findings:
    """An asset over all shards: it is judged anew each time, against all of them."""
    seen = Seen(None) if asset in RELEASES else look(lake, asset, [ALL])[ALL]
    if seen.damage:
        return Findings(0, (), {rule: [Finding(ALL, damage=seen.damage)] for rule in rules})
    with open_views(lake, asset, shards) as connection:
        rows = {rule: violations(connection, rule, limits) for rule in rules}
    broken = {rule: _broken(rule, found) for rule, found in rows.items() if not found.is_empty()}
    if seen.info is not None:
        write_verdict(lake, asset, ALL, Verdict(seen.info.content, "", {rule.name: b for rule, b in broken.items()}))
    return Findings(1, (ALL,), {rule: [_finding(ALL, broken[rule])] if rule in broken else [] for rule in rules})


def _together(lake: Lake, asset: str, rule: Query, limits: Mapping[str, Any], shards: Sequence[str]) -> list[Finding]:
    if not shards:
        return []
    with open_views(lake, asset, shards) as connection:
        rows = violations(connection, rule, limits)
    return [] if rows.is_empty() else [_finding(ALL, _broken(rule, rows))]


def _judged(seen: Seen, rules: str) -> bool:
    return seen.verdict is not None and seen.verdict.judged == judged_key(seen, rules)


def _known(seen: Seen) -> Mapping[str, Broken]:
    return seen.verdict.broken if seen.verdict is not None else {}


def _broken(rule: Query, rows: pl.DataFrame) -> Broken:
    row = {name: value for name, value in rows.row(0, named=True).items() if name != "shard"}
    first = ", ".join(f"{name} {str(value).strip()[:60]}" for name, value in row.items() if value is not None)
    return Broken(rows.height, rule.blocking and rule.is_error, sample(rows, EXAMPLES), " ".join(first.split())[:160])


def _finding(shard: str, broken: Broken) -> Finding:
    return Finding(shard, broken.rows, example=broken.example, first=broken.first)
