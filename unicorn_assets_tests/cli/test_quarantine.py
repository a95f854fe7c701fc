"""`unicorn quarantine` and `retry` on a lake whose LLM answers from a script; stage 1 and one task of the graph."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from unicorn_assets.automation import local_run
from unicorn_assets.cli import app
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets_tests.finished import records_in_memory
from unicorn_assets_tests.plan.server import Scripted, write_recipe

PARTS = (("seeds", "caption_drafts", "near_duplicates", "captions", "multiple_choice"),)


@pytest.fixture
def unicorn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(local_run, "PARTS", PARTS)

    def call(*arguments: str, code: int = 0) -> str:
        home = ("--home", str(tmp_path / "home"))
        result = CliRunner().invoke(app, [*arguments, *home], env={"COLUMNS": "300"})
        assert result.exit_code == code, result.output
        return result.output

    with records_in_memory():
        yield call


def inputs(lake: Lake) -> dict[str, tuple[str, str]]:
    """Every shard of every table, with what made it and when its file was last replaced."""
    found = {}
    for path in lake.files.walk("tables", ".parquet"):
        table, shard = path.removesuffix(".parquet").rsplit("/", 1)
        if table.split("/")[0] not in ("quarantine", "ledger"):
            found[path] = (lake.info(table, shard).inputs, Path(lake.files.url(f"tables/{path}")).stat().st_mtime_ns)
    return found


def test_a_reason_is_asked_again_and_nothing_else(tmp_path: Path, unicorn) -> None:
    with Scripted() as server:
        write_recipe(tmp_path, server.url, rows=100)
        unicorn("run", "--recipe", str(tmp_path / "recipe.yaml"))
        lake = Lake(str(tmp_path / "home/lake"))
        groups = {(g["stage"], g["reason"]): g for g in json.loads(unicorn("quarantine", "--json"))}
        refused = json.loads(unicorn("quarantine", "--rows", "99", "--reason", "too_short", "--json"))
        assert len(refused) == groups["caption_drafts", "too_short"]["rows"] > 0
        assert groups["caption_drafts", "too_short"]["share"] == len(refused) / 100
        assert {(row["attempts"], row["model"], row["raw_answer"]) for row in refused} == {(2, "m", "No.")}
        shown = unicorn("quarantine")
        assert "too_short" in shown
        assert "not_json" in shown

        # One shard's rows, noted only; then a run.
        shard = refused[0]["shard"]
        granted = [row["row_id"] for row in refused if row["shard"] == shard]
        before, calls = inputs(lake), server.calls
        said = unicorn("quarantine", "retry", "--reason", "too_short", "--shard", shard, "--drafts", "9", "--no-run")
        assert f"{len(granted)} rows of caption_drafts in 1 shards get up to 9 further drafts each" in said
        assert inputs(lake) == before
        unicorn("run")
        remade = {path for path, seen in inputs(lake).items() if before[path] != seen}
        others = {path for path in before if path.endswith(".parquet") and f"/{shard}." not in path}
        assert f"caption_drafts/{shard}.parquet" in remade
        assert remade & others <= {"near_duplicates/all.parquet"}
        assert set(server.messages.values()) == {1}
        assert server.calls > calls

        # The row's own account of itself.
        seeds = dict(lake.read("seeds", shard)["seed_id", "text"].iter_rows())
        drafts = lake.read("caption_drafts", shard)
        asked = Counter({seed: sum(f"{text}" in said for said in server.messages) for seed, text in seeds.items()})
        taken = drafts.filter(drafts["seed_id"].is_in(granted))
        assert taken.height > 0
        for caption_id, seed_id, count in taken.select("caption_id", "seed_id", "drafts").iter_rows():
            assert 2 < count == asked[seed_id]
            told = json.loads(unicorn("lineage", seed_id, "--json"))
            caption = told["steps"][0]["children"][0]["children"][0]
            assert (caption["kind"], caption["id"], caption["facts"]["drafts"]) == ("caption", caption_id, count)
            assert "quarantine" not in {step["kind"] for step in told["steps"][0]["children"][0]["children"]}

        # Another reason, and a run at once; a further run finds all current.
        before, calls = inputs(lake), server.calls
        unicorn("quarantine", "retry", "--stage", "multiple_choice", "--reason", "not_json", "--drafts", "6")
        after = {(g["stage"], g["reason"]): g["rows"] for g in json.loads(unicorn("quarantine", "--json"))}
        assert after.get(("multiple_choice", "not_json"), 0) < groups["multiple_choice", "not_json"]["rows"] + 1
        assert server.calls > calls
        remade = {path.split("/")[0] for path, seen in inputs(lake).items() if before[path] != seen}
        assert remade == {"multiple_choice"}
        before, calls = inputs(lake), server.calls
        unicorn("run")
        assert (inputs(lake), server.calls) == (before, calls)

    for arguments, words in {
        ("--stage", "captions"): "near_duplicates.threshold",
        (): "say which rows",
        ("--stage", "caption_draft"): "did you mean caption_drafts?",
    }.items():
        assert words in unicorn("quarantine", "retry", *arguments, code=2)
    assert "behind the command" in unicorn("quarantine", "--stage", "captions", "retry", code=2)


def test_a_whole_retry_on_s3(tmp_path: Path, unicorn, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quarantine, grant, further drafts and journal, all of them in a bucket; nothing is asked twice."""
    monkeypatch.setattr(local_run, "PARTS", (("seeds", "caption_drafts", "near_duplicates", "captions"),))
    with Scripted() as server:
        write_recipe(tmp_path, server.url, rows=40)
        unicorn("run", "--recipe", str(tmp_path / "recipe.yaml"), "--lake", s3_url)
        lake = Lake(s3_url)
        shards = sorted(lake.read("seed_catalog")["shard"].unique())
        before = {shard: lake.info("caption_drafts", shard) for shard in shards}
        look = ("quarantine", "--rows", "99", "--reason", "too_short", "--json")
        refused = json.loads(unicorn(*look))
        assert {(row["stage"], row["reason"], row["attempts"]) for row in refused} == {
            ("caption_drafts", "too_short", 2)
        }
        shard = refused[0]["shard"]
        granted = {row["row_id"] for row in refused if row["shard"] == shard}
        calls = server.calls

        # In one command: the grant, and the run that uses it.
        said = unicorn("quarantine", "retry", "--reason", "too_short", "--shard", shard, "--drafts", "9")
        assert f"{len(granted)} rows of caption_drafts in 1 shards get up to 9 further drafts each" in said
        assert set(server.messages.values()) == {1}
        assert calls + len(granted) <= server.calls <= calls + 9 * len(granted)
        drafts = lake.read("caption_drafts", shard)
        taken = drafts.filter(drafts["seed_id"].is_in(granted))
        left = [row for row in json.loads(unicorn(*look)) if row["shard"] == shard]
        assert taken.height > 0
        assert set(taken["seed_id"]) | {row["row_id"] for row in left} == granted
        assert all(row["attempts"] == 11 for row in left)
        assert server.calls == calls + sum(taken["drafts"] - 2) + 9 * len(left)
        after = {shard: lake.info("caption_drafts", shard) for shard in shards}
        assert [key for key in shards if after[key] != before[key]] == [shard]

        # With its shards gone, the same data comes back from the journal alone.
        calls = server.calls
        for key in shards:
            lake.files.remove(f"tables/caption_drafts/{key}.parquet")
        unicorn("run")
        assert server.calls == calls
        assert {key: lake.info("caption_drafts", key).content for key in shards} == {
            key: after[key].content for key in shards
        }
    assert not list(tmp_path.rglob("*.parquet"))
    assert not list(tmp_path.rglob("*.part"))


def test_the_language_of_a_seed_is_told_also_behind_a_long_detail(tmp_path: Path) -> None:
    missing = ", ".join(f"parola{number}" for number in range(60))
    said = "The seed does not read as English: captions are English and must keep the seed's words."
    refused = {
        "stage": "caption_drafts", "row_id": "s1", "parent_id": "s1", "reason": "ungrounded", "attempts": 2,
        "detail": f"Keep what the seed names; missing: {missing}. {said}", "raw_answer": "A dog.", "model": "m",
        "request_hash": "h", "at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    rows = pl.DataFrame([refused], schema=polars_schema("quarantine"))
    Lake(str(tmp_path / "home/lake")).write("quarantine/caption_drafts", "lines-00000", rows, Made())
    result = CliRunner().invoke(app, ["quarantine", "--home", str(tmp_path / "home")], env={"COLUMNS": "500"})
    assert result.exit_code == 0, result.output
    assert "Keep what the seed names" in result.output
    assert said in result.output
