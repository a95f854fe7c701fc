"""The check that reads what a shard says of its wanted share of rows."""

from pathlib import Path

import pytest

from unicorn_assets.checks.queries import queries, violations
from unicorn_assets.checks.views import open_views
from unicorn_assets.generation.rounds import shortfall
from unicorn_assets.graph import ASKING
from unicorn_assets.llm.settings import Accept
from unicorn_assets_tests.lakes import MADE, SHARD, tiny_lake


@pytest.mark.parametrize("asset", ASKING)
def test_a_shard_that_falls_short_is_named_with_its_figures(asset: str, tmp_path: Path) -> None:
    (query,) = [found for found in queries()[asset] if found.name == "wanted_share_met"]
    assert (query.is_error, query.blocking) == (False, False)
    lake = tiny_lake().write(tmp_path)
    for accepted, expected in ((7, []), (5, [{"shard": SHARD, "wanted": 7.0, "accepted": 5.0, "short_by": 2.0}])):
        figures = {**shortfall(Accept(share=0.7), 10, accepted), "pairs": 3}
        lake.write(asset, SHARD, lake.read(asset, SHARD), MADE, figures)
        connection = open_views(lake, asset, [SHARD])
        assert violations(connection, query, {}).to_dicts() == expected
        connection.close()
