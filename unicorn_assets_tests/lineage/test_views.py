"""The views that `unicorn sql` opens: what they hold, on disk and on S3, and that they cannot be left."""

from pathlib import Path

import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import Lake
from unicorn_assets.lineage.views import query, views
from unicorn_assets_tests.small_lake import fill


@pytest.fixture(scope="module")
def lake(home: Path) -> Lake:
    return Lake(str(home / "lake"))


@pytest.mark.parametrize("name", [view.name for view in views()])
def test_each_view_has_the_columns_that_it_promises(name: str, lake: Lake) -> None:
    columns = next(view.columns for view in views() if view.name == name)
    assert set(query(lake, f"select * from {name} limit 1").columns) == set(columns)


@pytest.mark.parametrize(
    "sql",
    [
        "select (select count(*) from captions) = (select count(*) from records where version = "
        "(select version from releases where latest and asset = 'unicorn_1_2m')) AS ok",
        "select count(*) = 0 AS ok from captions c anti join journal j on j.key = c.request_hash",
        "select sum(rows) = (select count(*) from seeds) AS ok from shards where asset = 'seeds'",
        "select count(*) > 0 and sum(broken_rows) is null AS ok from verdicts",
        "select count(distinct version) = 2 AS ok from records where asset = 'unicorn_1_2m';",
    ],
)
def test_views_agree_with_each_other(sql: str, lake: Lake) -> None:
    assert query(lake, sql)["ok"].to_list() == [True]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/passwd')", "select * from '{home}/recipe.yaml'", "copy captions to 'x.csv'",
        "create table a as select 1", "select 1; select 2", "select nothing from captions", "selekt", "attach 'x.db'",
        "select * from read_text('{home}/lake/recipe-name')", "select * from glob('/tmp/*')",
    ],
)  # fmt: skip
def test_whatever_is_no_select_over_the_views_is_one_line(sql: str, lake: Lake, home: Path) -> None:
    with pytest.raises(UserError) as told:
        query(lake, sql.format(home=home))
    assert "\n" not in told.value.message


def test_an_unknown_view_is_answered_with_the_nearest(lake: Lake) -> None:
    with pytest.raises(UserError, match="no view 'recrods'") as near:
        query(lake, "select * from recrods")
    assert near.value.hint == "did you mean records?"
    with pytest.raises(UserError) as far:
        query(lake, "select * from zzz")
    assert "the views are seed_catalog" in far.value.hint


def test_an_empty_lake_has_all_views(disk_lake: Lake) -> None:
    for view in views():
        assert query(disk_lake, f"select * from {view.name}").height == 0


def test_s3_has_the_same_views(s3_url: str) -> None:
    remote = fill(Lake(s3_url))
    assert query(remote, "select count(*) AS n from captions join seeds using (seed_id)")["n"][0] == 6
    assert query(remote, "select sum(rows) AS n from shards where asset = 'captions'")["n"][0] == 6
    assert query(remote, "select * from journal").height == 0
    with pytest.raises(UserError):
        query(remote, "select * from read_text('s3://other/a')")
