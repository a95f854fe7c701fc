"""Damage that is planted in one shard while others run: no view shows it good, and making the shard again mends all.

The asset jobs are those of the code location, on an instance that lives as long as the test.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from unicorn_assets.assets.shard_work import FORCE
from unicorn_assets.automation import local_run
from unicorn_assets.definitions import build_defs
from unicorn_assets.graph import VECTORS
from unicorn_assets.home import Home, find_home
from unicorn_assets.keys import asset_key, step_key
from unicorn_assets.lake.shards import path_of, shard_info
from unicorn_assets.lake.store import Lake
from unicorn_assets.partitions import RANGE_END, RANGE_START
from unicorn_assets_tests.finished import Data, finished, unicorn

NAME = "mine"  # of the recipe
GOOD, BAD = "lines-00000", "lines-00001"
ASSETS = (
    "seeds", "caption_drafts", "captions", "multiple_choice", "question_answering", "instructions", "text_embeddings",
    "image_embeddings",
)  # fmt: skip
BREAKS: dict[str, tuple[str, str, Any]] = {  # a cell that breaks a rule
    "seeds": ("text_normalised", "text", "two  blanks"),
    "caption_drafts": ("words_counted", "words", 0),
    "captions": ("lengths_in_range", "words", 9999),
    "multiple_choice": ("pairs_complete", "pairs", []),
    "question_answering": ("pairs_complete", "pairs", []),
    "instructions": ("pairs_counted", "pairs", 77),
}


class Ui:
    """What the Dagster UI can do and shows: materialize shards of one asset with its checks; the state of checks."""

    def __init__(self, data: Data, instance: dg.DagsterInstance) -> None:
        home = find_home(str(data.home), recipe=str(data.recipe))
        self.data, self.root = data, Path(home.lake_url)
        self.instance = instance
        self.job = build_defs(home).resolve_implicit_global_asset_job_def()

    def materialize(self, asset: str, *shards: str, force: list[str] | None = None) -> dg.ExecuteInProcessResult:
        ops = {step_key(NAME, asset): {"config": {FORCE: force}}} if force else {}
        tags = {RANGE_START: shards[0], RANGE_END: shards[-1]} if shards else {}
        return self.job.execute_in_process(
            asset_selection=[asset_key(NAME, asset)], instance=self.instance, tags=tags, raise_on_error=False,
            run_config={**local_run.CONFIG, "ops": ops},
        )  # fmt: skip

    def red(self, asset: str) -> dict[str, str]:
        """Checks of the asset that are not green, with what they say."""
        graph = self.job.asset_layer.asset_graph
        keys = graph.get_check_keys_for_assets({asset_key(NAME, asset)})
        latest = self.instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
        return {
            key.name: (record.evaluation.description or "") if record.evaluation else "not judged"
            for key, record in latest.items()
            if record.status.value != "SUCCEEDED"
        }


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    folder = tmp_path_factory.mktemp("made")
    with dg.DagsterInstance.ephemeral() as instance, finished(folder, rows=160) as data:
        found = Ui(data, instance)
        found.materialize("seed_catalog")
        for asset in ASSETS:
            assert found.materialize(asset, GOOD, BAD).success, asset
            assert found.red(asset) == {}
        yield found


def flip(ui: Ui, asset: str) -> None:
    path = ui.root / path_of(asset, BAD)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def delete(ui: Ui, asset: str) -> None:
    (ui.root / path_of(asset, BAD)).unlink()


def reseal(ui: Ui, asset: str) -> None:
    lake = Lake(str(ui.root))
    info = shard_info(lake, asset, BAD)
    assert info is not None
    if asset in VECTORS:
        ids, vectors = lake.read_vectors(asset, BAD)
        lake.write_vectors(asset, BAD, ids, vectors.astype(np.float32) * 2, info.made, info.extra)
        return
    _, column, value = BREAKS[asset]
    frame = lake.read(asset, BAD)
    cells = [value, *frame[column].to_list()[1:]]
    frame = frame.with_columns(pl.Series(column, cells, dtype=frame.schema[column]))
    lake.write(asset, BAD, frame, info.made, info.extra)


@pytest.mark.parametrize("asset", ASSETS)
@pytest.mark.parametrize("plant", [flip, delete, reseal])
def test_damage_is_red_while_other_shards_run_and_green_when_it_is_made_again(
    ui: Ui, plant: Callable[[Ui, str], None], asset: str
) -> None:
    content = shard_info(Lake(str(ui.root)), asset, BAD)
    plant(ui, asset)
    for _ in range(2 if plant is flip else 1):  # whoever meets a flipped file sets it aside; the run after that, too
        assert ui.materialize(asset, GOOD).success, "the shards of this run are good"
        red = ui.red(asset)
        if plant is reseal:
            assert list(red) == [BREAKS[asset][0] if asset in BREAKS else "unit_length"]
        else:
            assert len(red) >= 3, red
        assert all(BAD in words and f"materialize {asset} for this shard again" in words for words in red.values()), red
    asked = ui.data.server.calls
    assert ui.materialize(asset, BAD).success
    assert ui.red(asset) == {}
    made = shard_info(Lake(str(ui.root)), asset, BAD)
    assert made is not None
    assert made.content == (content.content if content else "")
    assert ui.data.server.calls == asked


def test_a_run_over_the_bad_shard_fails_and_leaves_its_verdict_to_the_others(ui: Ui) -> None:
    reseal(ui, "captions")
    assert ui.materialize("captions", GOOD).success
    refused = ui.materialize("multiple_choice", GOOD, BAD)
    assert not refused.success
    told = next(event for event in refused.all_events if event.is_step_failure).step_failure_data.user_failure_data
    assert told is not None
    assert "1 of 2 shards of multiple_choice were not made, the others are good" in (told.description or "")
    assert f"captions shard {BAD!r} failed its check lengths_in_range" in (told.description or "")
    shown = ui.instance.all_logs(refused.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert {event.get_dagster_event().partition for event in shown} == {GOOD}
    assert ui.materialize("captions", GOOD, BAD).success, "made again, as the error said"
    assert ui.materialize("multiple_choice", GOOD, BAD).success


def test_forcing_makes_anew_without_asking_and_leaves_the_children_current(ui: Ui) -> None:
    asked, path = ui.data.server.calls, ui.root / path_of("caption_drafts", BAD)
    before = path.stat().st_ino, (ui.root / path_of("caption_drafts", GOOD)).stat().st_ino
    assert ui.materialize("caption_drafts", GOOD, BAD, force=[BAD]).success
    assert ui.data.server.calls == asked
    after = path.stat().st_ino, (ui.root / path_of("caption_drafts", GOOD)).stat().st_ino
    assert (after[0] != before[0], after[1] == before[1]) == (True, True)


def test_the_command_line_says_so_too(ui: Ui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = ui.data.home
    with dg.DagsterInstance.ephemeral() as instance:

        @contextmanager
        def kept(_: Home) -> Iterator[dg.DagsterInstance]:
            yield instance

        monkeypatch.setattr(local_run, "local_instance", kept)
        assert ui.data.run(home).exit_code == 0
        flip(ui, "captions")
        done = ui.data.run(home, "--shards", GOOD)
        assert done.exit_code == 1, done.output
        assert f"and 6 more: 1 shard cannot be judged: {BAD} (" in done.output
        for said in (done.output, unicorn(home, "status", "--html", str(tmp_path / "page.html")).output):
            assert "No: 1 damaged" in said
        assert f"captions {BAD}: damaged" in (tmp_path / "page.html").read_text(encoding="utf-8")
        asked = ui.data.server.calls
        done = ui.data.run(home, "--force", f"captions/{BAD}", "--force", "caption_drafts")
        assert done.exit_code == 0, done.output
        assert ui.data.server.calls == asked
        assert "is the data good? Yes: " in done.output


@pytest.mark.parametrize(
    ("force", "words"),
    [
        ("caption", "there is no table 'caption'"),
        ("captions/nowhere-00000", "there is no shard 'nowhere-00000'"),
        ("near_duplicates/lines-00000", "near_duplicates has no shards"),
        ("unicorn_1_2m", "a release never changes"),
    ],
)
def test_forcing_what_is_not_there_is_one_line(ui: Ui, force: str, words: str) -> None:
    found = ui.data.run(ui.data.home, "--force", force)
    assert found.exit_code == 2, found.output
    (line,) = [line for line in found.output.splitlines() if line.startswith("error ")]
    assert words in line
