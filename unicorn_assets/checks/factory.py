"""From queries to Dagster: one check step per asset, whose results are true of all its shards.

A result is red until the last bad shard is mended, whichever shards a run was about; it names them, their rows and what
to do. Results are one for each check and none for each shard: Dagster would keep a record for each check of each shard
of each run, at a tenth of a second. Not here: judging (judging.py), where verdicts lie (lake/verdicts.py).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from unicorn_assets.assets.shard_work import errors_for_people
from unicorn_assets.checks.judging import Finding, Findings, judge
from unicorn_assets.checks.queries import Query, queries
from unicorn_assets.checks.views import thresholds
from unicorn_assets.graph import ASSETS, RELEASES
from unicorn_assets.keys import asset_key
from unicorn_assets.lake.store import ALL
from unicorn_assets.partitions import known_shards, shards_of_run
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource

ELSEWHERE = "other runs"
"""Metadata of a red result that is no fault of the run's own shards."""
NAMED = 5
"""Bad shards that a description names; the table beside it names all."""


def build_checks(recipe: Recipe) -> list[dg.AssetChecksDefinition]:
    """One check step for every asset that has queries."""
    return [_checks(recipe, asset, found) for asset, found in queries().items()]


def _checks(planned: Recipe, asset: str, found: Sequence[Query]) -> dg.AssetChecksDefinition:
    key = asset_key(planned.name, asset)
    specs = {q: dg.AssetCheckSpec(q.name, asset=key, description=q.about, blocking=q.blocking) for q in found}

    @dg.multi_asset_check(name=f"{asset}_checks", specs=list(specs.values()), can_subset=True)
    def checks(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[Any]:
        store, recipe = lake.begin(planned)
        known = known_shards(context.instance, recipe.name)
        run = shards_of_run(context.instance, recipe.name, context.run.tags) if ASSETS[asset].by_shard else [ALL]
        with errors_for_people():
            # All of them, also where only some were selected: a verdict speaks of all checks.
            findings = judge(store, asset, found, thresholds(recipe), known, run)
        for query, spec in specs.items():
            if spec.key in context.selected_asset_check_keys:
                yield from _results(query, spec, findings, set(run))

    return checks


def _results(query: Query, spec: dg.AssetCheckSpec, findings: Findings, run: set[str]) -> Iterator[Any]:
    bad = findings.broken[query]
    result: dict[str, Any] = {
        "asset_key": spec.asset_key, "check_name": query.name, "passed": not bad, "severity": _severity(query),
        "description": describe(query, findings), "metadata": _metadata(query, findings),
    }  # fmt: skip
    if not bad or not query.blocking or any(each.shard in run or each.shard == ALL for each in bad):
        yield dg.AssetCheckResult(**result)
        return
    # Red, but because of shards that this run is not about: its own shards go on.
    yield dg.Output(None, output_name=spec.get_python_identifier())
    result["metadata"][ELSEWHERE] = "the shards of this run are good; the bad ones were not among them"
    yield dg.AssetCheckEvaluation(**result, blocking=False)


def _severity(query: Query) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if query.is_error else dg.AssetCheckSeverity.WARN


def describe(query: Query, findings: Findings) -> str:
    """The verdict in words: which shards, how many rows, what to do."""
    bad = findings.broken[query]
    if not bad:
        return query.about
    if not ASSETS[query.asset].by_shard:
        one = bad[0]
        said = f"it is damaged ({one.damage})" if one.damage else f"{_rows(one.rows)} this: {query.about}"
        return f"{said}. {_hint(query, bad)}"
    broken, damaged = [each for each in bad if not each.damage], [each for each in bad if each.damage]
    words: list[str] = []
    if broken:
        rows = sum(each.rows for each in broken)
        where = "" if broken[0].shard == ALL else f" in {_count(len(broken))}: {_names(broken)}"
        words.append(f"{_rows(rows)} this ({query.about}){where}")
    if damaged:
        words.append(f"{_count(len(damaged))} cannot be judged: {_names(damaged)}")
    return f"{'; '.join(words)}. {_hint(query, bad)}"


def _names(bad: Sequence[Finding]) -> str:
    named = [f"{each.shard} ({each.damage or f'{each.rows:,}'})" for each in bad[:NAMED]]
    return ", ".join(named) + (f" and {len(bad) - NAMED:,} more" if len(bad) > NAMED else "")


def _rows(rows: int) -> str:
    return "1 row breaks" if rows == 1 else f"{rows:,} rows break"


def _count(shards: int) -> str:
    return f"{shards:,} shard{'s' if shards != 1 else ''}"


def _hint(query: Query, bad: Sequence[Finding]) -> str:
    if query.asset in RELEASES:
        return "Mend what it is made of and cut it again"
    whole = not ASSETS[query.asset].by_shard or any(each.shard == ALL for each in bad)
    where = "" if whole else " for these shards" if len(bad) > 1 else " for this shard"
    again = f"materialize {query.asset}{where} again, or `unicorn run`"
    if all(each.damage for each in bad):
        return f"To mend it, {again}"
    return f"Look at the rows, mend the cause and {again}"


def _metadata(query: Query, findings: Findings) -> dict[str, Any]:
    bad = findings.broken[query]
    metadata: dict[str, Any] = {"violations": sum(each.rows for each in bad)}
    if ASSETS[query.asset].by_shard:
        metadata |= {"shards": findings.shards, "judged now": len(findings.judged)}
        if bad:
            # Plain text: the UI shows Markdown only when it is clicked.
            metadata["bad shards"] = ", ".join(f"{each.shard} ({each.damage or f'{each.rows:,} rows'})" for each in bad)
    if firsts := [f"{each.shard}: {each.first}" for each in bad if each.first][:NAMED]:
        metadata["first rows"] = "; ".join(firsts)
    if examples := [each.example for each in bad if each.example][:3]:
        metadata["rows"] = dg.MetadataValue.md("\n\n".join(examples))
    if bad:
        metadata["to mend it"] = _hint(query, bad)
    return metadata | {"query": dg.MetadataValue.md(f"```sql\n{query.sql}\n```")}
