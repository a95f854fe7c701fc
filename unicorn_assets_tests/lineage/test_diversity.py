"""The trend from a release to the next one, as the command tells it."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from unicorn_assets.checks.queries import queries, violations
from unicorn_assets.checks.views import open_views
from unicorn_assets.cli import app
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.lineage.diversity import trend
from unicorn_assets.release import release_pretrain
from unicorn_assets_tests.small_lake import SHARDS, facts, fill, small_recipe

NAME = "unicorn_1_2m"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return fill(Lake(str(tmp_path / "lake")), rows=6)


def cut(lake: Lake) -> str:
    return release_pretrain(lake, small_recipe(), SHARDS, facts()).version


def all_alike(lake: Lake) -> None:
    for shard in SHARDS:
        captions = lake.read("captions", shard).with_columns(text=pl.lit("A bird on a branch, a bird on a branch."))
        lake.write("captions", shard, captions, Made("small", "2"))


def test_a_release_that_says_the_same_over_and_over_is_worse_and_the_check_warns(lake: Lake) -> None:
    first = cut(lake)
    alone = trend(lake, NAME)
    assert alone.before == alone.worse == {}
    assert alone.now["vendi"] > 1
    all_alike(lake)
    second = cut(lake)
    found = trend(lake, NAME)
    assert (found.release, found.before_release) == (f"{NAME}@{second}", f"{NAME}@{first}")
    assert found.worse["self_bleu"] > 0.1
    assert found.worse["distinct_2"] > 0.1
    assert found.worse["vendi"] == 0  # the vectors are the same
    check = next(query for query in queries()[NAME] if query.name == "as_varied_as_before")
    assert "self_bleu" in violations(open_views(lake, NAME, SHARDS), check, {})["metric"].to_list()
    told = CliRunner().invoke(app, ["diversity", "--lake", lake.url, "--json", "--max-drop", "0.1"])
    assert told.exit_code == 1
    assert json.loads(told.stdout)["now"] == found.now
    back = CliRunner().invoke(app, ["diversity", f"{NAME}@{first}", f"{NAME}@{second}", "--lake", lake.url])
    assert back.exit_code == 0
    assert "self_bleu" in back.stdout
