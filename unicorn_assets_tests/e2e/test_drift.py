"""`drift` through the real command line: a data set gets the key, is made again without a request, and loses it again.

LLM and encoder are scripts.
"""

import json
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from unicorn_assets.lake.store import Lake
from unicorn_assets.lineage import redrift
from unicorn_assets.resources.encoder import EncoderResource
from unicorn_assets_tests.finished import Data, finished, unicorn
from unicorn_assets_tests.plan.server import Places, half

PARTS = [("seed_catalog", "seeds", "caption_drafts", "near_duplicates", "captions", "multiple_choice")]
READER = EncoderResource.reader
DRIFT = "drift: {min_cosine: 0.5}\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EncoderResource, "reader", lambda _: Places())
        with finished(tmp_path_factory.mktemp("drift"), rows=48, parts=PARTS) as data:
            yield data


def whole(lake: Lake, table: str) -> pl.DataFrame:
    return pl.concat([lake.read(table, shard) for shard in lake.shards(table)])


def strayed(lake: Lake) -> set[str]:
    """Captions that a run accepted although they have strayed."""
    seeds = dict(whole(lake, "seeds").select("seed_id", "text").iter_rows())
    captions = whole(lake, "captions").select("caption_id", "seed_id", "text")
    return {caption for caption, seed, text in captions.iter_rows() if half(seeds[seed]) != half(text)}


def contents(lake: Lake, table: str) -> dict[str, str]:
    infos = {shard: lake.info(table, shard) for shard in lake.shards(table)}
    return {shard: info.content for shard, info in infos.items() if info is not None}


def said(data: Data, *arguments: str) -> Any:
    found = unicorn(
        data.home, *arguments, "--json", *(("--recipe", str(data.recipe)) if arguments[0] != "quarantine" else ())
    )
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def test_the_key_refuses_what_has_strayed_and_taking_it_out_brings_it_back(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, plain = Lake(str(data.home / "lake")), data.recipe.read_text("utf-8")
    before, captions, calls = contents(lake, "captions"), whole(lake, "captions"), data.server.calls
    away = strayed(lake)
    assert 5 < len(away) < captions.height - 5
    pairs = whole(lake, "multiple_choice")

    data.recipe.write_text(plain + DRIFT, "utf-8")
    done = data.run(data.home)
    assert done.exit_code == 0, done.output
    assert data.server.calls == calls
    assert set(whole(lake, "captions")["caption_id"]) == set(captions["caption_id"]) - away
    refused = whole(lake, "quarantine/captions").filter(pl.col("reason") != "near_duplicate")
    assert set(refused["row_id"]) == away
    assert set(refused["reason"]) == {"drifted"}
    assert set(refused["detail"]) == {"cosine 0.000 of seed and caption, at least 0.5 is wanted"}
    assert set(whole(lake, "multiple_choice")["caption_id"]) == set(pairs["caption_id"]) - away
    info = lake.info("captions", lake.shards("captions")[0])
    assert info is not None
    assert info.extra["least cosine of seed and caption"] == 0.0

    # Once more: all is current, nothing is read or written.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EncoderResource, "reader", lambda _: pytest.fail("nothing is to be read"))
        assert data.run(data.home).exit_code == 0

    # The quarantine says what helps, and no retry is wasted on it.
    (group,) = [group for group in said(data, "quarantine") if group["reason"] == "drifted"]
    assert (group["stage"], group["rows"], group["can_retry"]) == ("captions", len(away), False)
    assert "drift.min_cosine" in group["instead"]
    for options in (("--reason", "drifted"), ("--stage", "captions", "--reason", "drifted")):
        retried = unicorn(data.home, "quarantine", "retry", *options, "--recipe", str(data.recipe))
        assert retried.exit_code == 2
        assert "drift.min_cosine" in retried.output

    # A row's chain says it, from the caption and from its seed.
    row = refused.row(0, named=True)
    for name in (row["row_id"], row["parent_id"]):
        chain = json.dumps(said(data, "lineage", name))
        assert row["detail"] in chain
        assert '"accepted": false' in chain

    # What a lower cosine would bring back, with the pairs that are asked about it then.
    monkeypatch.setattr(redrift, "open_encoder", lambda _: Places())
    lower = said(data, "impact", "--gate", "drift.min_cosine=-1")
    assert {kind: each["rows"] for kind, each in lower["gate"]["outcomes"].items() if each["rows"]} == {
        "unchanged": captions.height - len(away), "accepted now": len(away),
    }  # fmt: skip
    assert lower["tables"]["multiple_choice"]["calls"] > 0

    data.recipe.write_text(plain, "utf-8")
    assert data.run(data.home).exit_code == 0
    assert contents(lake, "captions") == before
    assert data.server.calls == calls


def test_an_encoder_that_is_not_here_ends_the_run_in_one_line(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EncoderResource, "reader", READER)
    with data.recipe.open("a", encoding="utf-8") as file:
        file.write("drift: {min_cosine: 0.5, encoder: {kind: open_clip, model: 'local-dir:nowhere'}}\n")
    done = data.run(data.home)
    assert done.exit_code == 1
    assert "nowhere" in done.output
    assert "Traceback" not in done.output
