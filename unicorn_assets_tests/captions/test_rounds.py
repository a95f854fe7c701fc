"""A wanted share of captions through the real engine, journal and ledger: kills, replays, what the quarantine says."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from polars.testing import assert_frame_equal

from unicorn_assets.generation.asking import Asker
from unicorn_assets.lake.store import Lake
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.seeds.catalog import build_catalog
from unicorn_assets_tests.plan.server import Scripted, write_recipe
from unicorn_assets_tests.scripted import draft_captions

ROWS, IN_FLIGHT = 60, 8


class Unlucky(Scripted):
    """Refuses six drafts of ten, by their seed; may kill a process at a call, and fail for good on some text."""

    def __init__(self, kill_at: int = 0, fail_on: str = "no such text") -> None:
        super().__init__()
        self.victim, self.kill_at, self.fail_on = 0, kill_at, fail_on

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if self.fail_on in await request.text():
            return web.json_response({"error": {"message": "out of memory"}}, status=500)
        return await super()._chat(request)

    def say(self, body: dict) -> str:
        if self.calls == self.kill_at:
            os.kill(self.victim, signal.SIGKILL)
        return "No." if body["seed"] % 10 < 6 else super().say(body | {"seed": body["seed"] | 1 << 9})


def prepare(folder, server, accept, llm=""):
    write_recipe(folder, server.url, ROWS, llm)
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("\ncaptions:\n", f"\ncaptions:\n  accept: {accept}\n"))


def make(folder):
    """Stage 1 over all seeds; also the program of the process that is killed."""
    recipe, lake = load_recipe(folder / "recipe.yaml"), Lake(str(folder / "lake"))
    seeds = build_catalog(recipe, None).catalog
    with Asker(recipe.llm, lake.url, lake.files) as asker:
        ask, ledger = asker.asking(lambda _: None)
        drafts, refused = draft_captions(seeds, recipe, ask)
        return drafts, refused, ledger, asker.base_urls


PROGRAM = (
    "import sys, pathlib; from unicorn_assets_tests.captions.test_rounds import make; make(pathlib.Path(sys.argv[1]))"
)


@pytest.mark.parametrize("kill_at", [ROWS * 2 + 12, ROWS * 2 + 30])
def test_killed_in_a_round_it_goes_on_as_if_nothing_had_been(tmp_path, kill_at):
    accept = "{share: 0.9, more_drafts: 40}"
    (tmp_path / "calm").mkdir()
    with Unlucky() as calm:
        prepare(tmp_path / "calm", calm, accept)
        drafts, refused, ledger, _ = make(tmp_path / "calm")
    assert drafts.height == ROWS * 9 // 10
    assert drafts["drafts"].max() > 2
    assert set(calm.messages.values()) == {1}
    assert (ledger.calls, ledger.from_journal, ledger.accepted) == (calm.calls, 0, drafts.height)
    assert (ledger.quarantined, sum(ledger.quarantined_by_reason.values())) == (refused.height, refused.height)
    assert drafts["drafts"].sum() + refused["attempts"].sum() == calm.calls
    with Unlucky(kill_at) as server:
        prepare(tmp_path, server, accept)
        client = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)])
        server.victim = client.pid
        assert client.wait(120) == -signal.SIGKILL
        assert server.calls >= kill_at
        again = make(tmp_path)
        assert_frame_equal(again[0], drafts)
        assert_frame_equal(again[1].drop("at"), refused.drop("at"))
        assert server.calls - len(server.messages) <= IN_FLIGHT  # asked twice
        assert len(server.messages) == calm.calls
        before = server.calls
        *_, urls = make(tmp_path)
        assert (server.calls, urls) == (before, ())  # no server was started


def test_a_share_out_of_reach_ends_and_the_budget_of_a_row_holds(tmp_path):
    with Unlucky() as server:
        prepare(tmp_path, server, "{share: 1.0, more_drafts: 1}")
        drafts, refused, *_ = make(tmp_path)
        assert drafts.height < ROWS
        assert set(refused["attempts"]) == {3}
        prepare(tmp_path, server, "{share: 1.0, more_drafts: 9}", ", max_row_tokens: 1")
        before = server.calls
        _, refused, *_ = make(tmp_path)
        assert server.calls == before
        assert set(refused["attempts"]) == {1}


def test_every_column_of_the_quarantine_is_filled(tmp_path):
    with Unlucky(fail_on="lines 3 near") as server:
        prepare(tmp_path, server, "{share: 0.5}", ", max_attempts: 2")
        _, refused, *_ = make(tmp_path)
        failed = refused.filter(reason="http_500").to_dicts()
        gated = refused.filter(reason="too_short").to_dicts()
        assert len(failed) == 1
        assert len(failed) + len(gated) == refused.height
        for row in failed + gated:
            assert all(row[column] for column in refused.columns), row
            assert (row["stage"], row["model"]) == ("caption_drafts", "m")
            assert datetime.now(UTC) - row["at"] < timedelta(minutes=10)
        assert failed[0]["detail"] == "HTTP 500: out of memory (after 2 requests)"
        assert "out of memory" in failed[0]["raw_answer"]
        assert failed[0]["attempts"] == 1
        assert {(row["raw_answer"], row["attempts"]) for row in gated} <= {("No.", drafts) for drafts in range(2, 7)}
        server.fail_on = "no such text"
        before = dict(server.messages)
        drafts, refused, *_ = make(tmp_path)
        fresh = [said for said in server.messages if said not in before]
        assert fresh
        assert all("lines 3 near" in said for said in fresh)  # only the row that had no answer
        assert drafts.height + refused.height == ROWS
