"""What a lake holds, as plain values: rows, quarantine by reason, tokens, gap, releases. The tables print it.

Here: gathering. Not here: printing (tables.py).
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from unicorn_assets.checkup import last_checkup
from unicorn_assets.errors import UserError
from unicorn_assets.graph import ARTIFACTS, ASSETS, RELEASES, VECTORS, Kind
from unicorn_assets.lake.artifacts import artifact_info, read_artifact
from unicorn_assets.lake.query import connect
from unicorn_assets.lake.released import latest_release, release_folder
from unicorn_assets.lake.store import ALL, Lake, ShardInfo
from unicorn_assets.llm.journal.store import DAMAGED_SUFFIX
from unicorn_assets.llm.spend.amount import Amount
from unicorn_assets.llm.spend.records import SpendRecords, total
from unicorn_assets.redaction import redact

SHOWN = tuple(asset for asset in ASSETS.values() if asset.kind in (Kind.TABLE, Kind.VECTORS))
"""Assets whose rows are counted, in the order of their making."""


@dataclass
class TableReport:
    """One table over all its shards. Tokens and calls are those that its rows cost when they were made; `cost_usd` is
    what all makings of it cost together, those too whose rows were replaced; None without a price.
    """

    shards: int = 0
    rows: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    completion_tokens: int = 0
    calls: int = 0
    seconds: float = 0.0
    cost_usd: float | None = None


@dataclass
class Report:
    """All there is to say of a lake on one screen. `spent`: calls, tokens, usd of all runs and plans over it;
    `damaged`: names of the journal's parts that were set aside; `not_there`: a line for each file that cannot be used;
    `verified`: what the last `unicorn verify` found, None before the first.
    """

    lake: str
    wanted_shards: list[str]
    tables: dict[str, TableReport]
    gap: dict[str, Any] | None
    releases: dict[str, str]
    spent: dict[str, float]
    damaged: list[str]
    not_there: list[str] = field(default_factory=list)
    verified: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        return asdict(self)


def gather(lake: Lake) -> Report:
    """Read the footers of all shards, and the ledger; no rows are read."""
    catalog = lake.find("seed_catalog", ALL, ["shard"])
    shards = catalog["shard"].unique(maintain_order=True).to_list() if catalog is not None else []
    tables = {asset.name: _table(lake, asset.name, shards if asset.by_shard else [ALL]) for asset in SHOWN}
    for asset, cost in _costs(lake).items():
        tables[asset].cost_usd = cost
    not_there = []
    try:
        spent = total(SpendRecords(lake.files).records().values(), None)
    except UserError as error:  # the rest can be told all the same
        spent, not_there = Amount(), [error.message]
    damaged = lake.files.names("journal", DAMAGED_SUFFIX)
    gap, newest, last = _gap(lake), _newest(lake), last_checkup(lake)
    not_there += [str(damage) for damage in lake.damaged.values()]
    verified = last.to_dict() if last else None
    return Report(redact(lake.url), shards, tables, gap, newest, asdict(spent), damaged, not_there, verified)


def _costs(lake: Lake) -> dict[str, float]:
    """USD by asset, over all makings."""
    with connect(lake, tables=("ledger",)) as sql:
        found = sql.execute(
            "SELECT asset, sum(cost_usd) FROM ledger GROUP BY asset HAVING count(cost_usd) > 0 ORDER BY asset"
        ).fetchall()
    return dict(found)


def _gap(lake: Lake) -> dict[str, Any] | None:
    """The measured gap and where its page is; None when nobody measured it, or an older version did."""
    if not artifact_info(lake, ARTIFACTS["modality_gap"]):
        return None
    found: dict[str, Any] = json.loads(read_artifact(lake, ARTIFACTS["modality_gap"]))
    return found | {"page": lake.files.url("artifacts/modality_gap.html")} if "cross_fitted" in found else None


def _newest(lake: Lake) -> dict[str, str]:
    """Where the newest version of each release is."""
    versions = {asset: latest_release(lake, asset) for asset in RELEASES}
    return {asset: lake.files.url(release_folder(asset, version)) for asset, version in versions.items() if version}


def _table(lake: Lake, name: str, shards: list[str]) -> TableReport:
    report, reasons = TableReport(), Counter[str]()
    for shard in shards:
        info = lake.vector_info(name, shard) if name in VECTORS else lake.info(name, shard)
        if info is not None:
            _add(report, reasons, info)
    report.quarantined = dict(reasons.most_common())
    return report


def _add(report: TableReport, reasons: Counter[str], info: ShardInfo) -> None:
    report.shards += 1
    report.rows += info.rows
    quarantined: Mapping[str, int] = info.extra.get("quarantined", {})
    reasons.update(quarantined)
    report.completion_tokens += info.extra.get("completion_tokens", 0) + info.extra.get("journal_completion_tokens", 0)
    report.calls += info.extra.get("calls", 0) + info.extra.get("from_journal", 0)
    report.seconds += info.extra.get("seconds", 0.0)
