"""The check that reads how many questions the judge's budget left no room for."""

from pathlib import Path

import pytest

from unicorn_assets.checks.queries import queries, violations
from unicorn_assets.checks.views import open_views
from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.llm.spend.ledger import Ledger
from unicorn_assets_tests.lakes import MADE, SHARD, tiny_lake


@pytest.mark.parametrize("task", TASK_NAMES)
def test_a_shard_with_pairs_that_nobody_judged_is_named(task: str, tmp_path: Path) -> None:
    (query,) = [found for found in queries()[task] if found.name == "pairs_judged"]
    assert (query.is_error, query.blocking) == (False, False)
    lake = tiny_lake().write(tmp_path)
    for not_asked, expected in ((0, []), (3, [{"shard": SHARD, "not_asked": 3}])):
        lake.write(task, SHARD, lake.read(task, SHARD), MADE, Ledger(not_asked=not_asked).as_dict())
        connection = open_views(lake, task, [SHARD])
        assert violations(connection, query, {}).to_dicts() == expected
        connection.close()
