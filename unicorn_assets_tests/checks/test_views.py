"""What check queries may look at: an asset's own rows and those it is made of, never what is made of it."""

import re
from pathlib import Path

import pytest

from unicorn_assets.checks.queries import Query, queries
from unicorn_assets.checks.views import open_views
from unicorn_assets.graph import ASSETS, VECTORS, ancestors
from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.lakes import SHARD, tiny_lake

ALL_QUERIES = [query for found in queries().values() for query in found]
HARMS = {
    "junk": lambda path: path.write_bytes(b"<html>gone</html>" * 40),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("query", ALL_QUERIES, ids=lambda query: f"{query.asset}.{query.name}")
def test_a_check_asks_about_nothing_that_is_made_later(query: Query) -> None:
    named = set(re.findall(r"(?:FROM|JOIN)\s+(\w+)", query.sql, re.IGNORECASE)) & set(ASSETS)
    assert named <= set(ancestors(query.asset)), named


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("asset", VECTORS)
def test_vectors_are_checked_whatever_has_become_of_what_is_made_of_them(asset: str, harm: str, tmp_path: Path) -> None:
    lake = tiny_lake().write(tmp_path)
    for later in set(VECTORS) - set(ancestors(asset)):
        HARMS[harm](tmp_path / lake.vector_path(later, SHARD))
    with open_views(Lake(str(tmp_path)), asset, [SHARD]) as connection:
        assert connection.execute(f"SELECT count(*) FROM {asset}").fetchone() == (4,)
