"""Each kind of change is right in the release of the next night, and a night over a lake in order asks for nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from unicorn_assets.automation.catalog_watch import build_catalog_watch
from unicorn_assets.automation.looking import look_at
from unicorn_assets.automation.night import busy
from unicorn_assets.automation.night_plan import RIGHT
from unicorn_assets.graph import RELEASES
from unicorn_assets.health import wanted_of
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets_tests.automation.nights import (
    Nights,
    add_source,
    append_rows,
    break_check,
    damage_shard,
    delete_shard,
    edit_prompt,
    nights,
    replace_images,
    replace_parent,
)
from unicorn_assets_tests.finished import contents, unicorn

pytestmark = pytest.mark.filterwarnings("ignore:Function `AssetSelection.keys`:DeprecationWarning")  # Dagster's own
WELL = "everything is as the recipe wants it"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    with nights(tmp_path_factory.mktemp("nights")) as found:
        yield found


@contextmanager
def backfill_in_progress(made: Nights, request: dg.RunRequest) -> Iterator[None]:
    """Meanwhile the daemon is at the backfill of `request`."""
    subset = request.asset_graph_subset
    assert subset is not None
    backfill = PartitionBackfill.from_asset_graph_subset("b", 0.0, request.tags, made.instance, subset, None, None, {})
    made.instance.add_backfill(backfill)
    yield
    made.instance.update_backfill(backfill.with_status(BulkActionStatus.COMPLETED_SUCCESS))


def all_right(made: Nights) -> bool:
    found = look_at(made.home.lake_url, wanted_of(load_recipe(made.home.recipe)))
    assert found is not None
    wrong = {(a, s): c for a, row in found.cells.items() for s, c in row.items() if c.state not in RIGHT}
    assert wrong == {}
    return True


def status(made: Nights) -> dict[str, list[str]]:
    """Shards that `unicorn status` calls stale, by asset."""
    told = json.loads(unicorn(made.data.home, "status", "--json").output)
    assert told["not_compared"] == ""
    found = {
        asset: [s for s, cell in row["not_good"].items() if cell["state"] == "stale"]
        for asset, row in told["health"].items()
    }
    return {asset: shards for asset, shards in found.items() if shards}


def test_a_lake_in_order_is_left_alone(made: Nights) -> None:
    before = contents(made.lake)
    assert made.night() == WELL
    assert (made.rounds, contents(made.lake)) == ([], before)


def test_every_kind_of_change_is_right_in_the_next_release(made: Nights) -> None:
    captions = made.captions()
    append_rows(made)
    add_source(made)
    damage_shard(made, "multiple_choice", "lines-00000")
    delete_shard(made, "text_embeddings", "lines-00000")
    break_check(made, "captions", "lines-00000")
    replace_parent(made, "caption_drafts", "more-00000")
    replace_images(made)
    assert made.night() == WELL, (made.failed, made.rounds)
    assert all_right(made)
    assert made.captions() > captions
    assert made.lake.read("captions", "more-00000")["text"].str.starts_with("A girl").sum() == 1
    assert status(made) == {}
    edit_prompt(made)
    assert set(status(made)) == {"caption_drafts", "captions", *RELEASES}, "the recipe's section of captions changed"
    asked = made.data.server.calls
    assert made.night() == WELL
    assert made.data.server.calls > asked
    assert len(made.rounds) == 3, "near duplicates, pairs and vectors, releases: no seed changed"
    assert all_right(made)
    asked, after = made.data.server.calls, contents(made.lake)
    assert made.data.run(made.data.home).exit_code == 0
    assert (made.data.server.calls, contents(made.lake)) == (asked, after), "nothing was left to do"


def test_a_night_waits_ends_and_says_why(made: Nights) -> None:
    damage_shard(made, "instructions", "lines-00000")
    made.now = made.now.replace(hour=12)
    assert made.look().skip_message == "done"
    made.now += timedelta(hours=14)
    first = made.look()
    (request,) = first.run_requests or ()
    assert request.tags["unicorn/night"] == f"{made.now.date()}-1"
    assert {key.path[-1] for key in request.asset_graph_subset.asset_keys} == {"instructions"}
    key = next(iter(request.asset_graph_subset.asset_keys))
    with backfill_in_progress(made, request):
        assert str(made.look().skip_message).startswith("waits for backfill")
        assert busy(made.instance, {key})
    made.now += timedelta(hours=5)
    assert made.look().skip_message == "the window closed; the next night goes on"
    made.now += timedelta(hours=19)
    text = made.data.recipe.read_text(encoding="utf-8")
    made.data.recipe.write_text(text + "nonsense: 1\n", encoding="utf-8")
    assert "nonsense" in str(made.look().skip_message)
    made.data.recipe.write_text(text, encoding="utf-8")
    assert made.night() == WELL


def test_new_sources_are_asked_for_once(made: Nights) -> None:
    sensor = build_catalog_watch(made.home)

    def look(cursor: str | None) -> dg.SensorResult:
        return sensor.evaluate_tick(dg.build_sensor_context(made.instance, cursor, repository_def=made.repository))

    assert look(None).skip_message == "the catalog is of these sources"
    append_rows(made)
    first = look(None)
    (request,) = first.run_requests or ()
    assert [key.path[-1] for key in request.asset_selection or ()] == ["seed_catalog"]
    assert "asked for already" in str(look(first.cursor).skip_message)
