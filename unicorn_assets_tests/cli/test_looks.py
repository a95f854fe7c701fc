"""The looks through the real command line: planned, asked, quarantined, told of, found in the journal, and the judge
within its budget.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unicorn_assets.automation import local_run
from unicorn_assets.cli import app
from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.finished import records_in_memory
from unicorn_assets_tests.llm.faulty_server import until
from unicorn_assets_tests.plan.server import PAIRS, Scripted, write_recipe

PARTS = (("seeds", "caption_drafts", "near_duplicates", "captions", "multiple_choice"),)


class Knowing(Scripted):
    """Knows blind what leans against a wall, and says 'B' to everything else."""

    blind = 0

    def say(self, body: dict) -> str:
        if "cannot see" not in body["messages"][0]["content"]:
            return super().say(body)
        self.blind += 1
        said = body["messages"][-1]["content"]
        known = PAIRS[1]["answer"]
        letter = next((line[0] for line in said.splitlines() if line[3:] == known), "B")
        return json.dumps({"answer": letter})


def test_a_blind_look_is_planned_asked_quarantined_and_found_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(local_run, "PARTS", PARTS)

    def unicorn(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--home", str(tmp_path / "home")], env={"COLUMNS": "300"})
        assert result.exit_code == 0, result.output
        return result.stdout

    with Knowing() as server, records_in_memory():
        write_recipe(tmp_path, server.url, rows=24)
        path = tmp_path / "recipe.yaml"
        plain = path.read_text().replace("min_pairs: 1", "min_pairs: 2, min_asked: 2")
        path.write_text(plain)
        bound = ("plan", "--sample", "0", "--json", "--recipe", str(path))
        without = json.loads(unicorn(*bound))["stages"]["multiple_choice"]["upper_bound"]["calls"]
        path.write_text(plain.replace("  share: 0.7\n", "  share: 1.0\n  blind: {}\n"))
        assert json.loads(unicorn(*bound))["stages"]["multiple_choice"]["upper_bound"]["calls"] > 3 * without
        assert server.calls == 0

        unicorn("run", "--recipe", str(path))
        groups = {(g["stage"], g["reason"]): g["rows"] for g in json.loads(unicorn("quarantine", "--json"))}
        assert groups["multiple_choice", "answerable_blind"] > 0
        assert 0 < server.blind <= 4 * groups["multiple_choice", "answerable_blind"]  # equal questions are asked once
        (row, *_) = json.loads(unicorn("quarantine", "--rows", "9", "--reason", "answerable_blind", "--json"))
        assert "is answered without the caption: A shovel, A shovel." in row["detail"]
        assert '"look": "blind1"' in unicorn("lineage", row["row_id"], "--json")

        calls, lake = server.calls, Lake(str(tmp_path / "home/lake"))
        for shard in lake.shards("multiple_choice"):
            lake.files.remove(f"tables/multiple_choice/{shard}.parquet")
        assert json.loads(unicorn("plan", "--sample", "0", "--json"))["stages"]["multiple_choice"]["left"]["rest"] == 0
        assert server.calls == calls


MARKS = {"relevance": 5, "image_correspondence": 4, "visual_dependency": 3, "formatting": 5}
PRICE = ", price: {prompt: 100, completion: 300}"


class Judging(Scripted):
    """Marks every pair well, and counts how often it was asked to."""

    judged = 0

    def __init__(self, pause_s: float = 0.0) -> None:
        super().__init__()
        self.pause_s = pause_s

    def say(self, body: dict) -> str:
        if "Description:" not in body["messages"][-1]["content"]:
            return super().say(body)
        self.judged += 1
        time.sleep(self.pause_s)
        return json.dumps(MARKS)


def recipe_with(folder: Path, server: Judging, judge: str, llm: str = PRICE) -> Path:
    write_recipe(folder, server.url, rows=24, llm=llm)
    path = folder / "recipe.yaml"
    path.write_text(path.read_text().replace("  share: 0.7\n", f"  share: 1.0\n  judge: {judge}\n"))
    return path


def test_the_judge_keeps_to_its_budget_and_what_it_was_not_asked_is_kept_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(local_run, "PARTS", PARTS)

    def unicorn(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--home", str(tmp_path / "home")], env={"COLUMNS": "300"})
        assert result.exit_code == 0, result.output
        return result.stdout

    def plan(*options: str) -> dict:
        return json.loads(unicorn("plan", "--json", "--recipe", str(path), *options))

    def pairs(lake: Lake) -> int:
        return sum(lake.read("multiple_choice", s)["pairs"].list.len().sum() for s in lake.shards("multiple_choice"))

    def unasked(lake: Lake) -> int:
        return sum(lake.info("multiple_choice", s).extra.get("not_asked", 0) for s in lake.shards("multiple_choice"))

    with Judging() as server, records_in_memory():
        path = recipe_with(tmp_path, server, "{budget: {calls: 5}}")
        assert plan("--sample", "0")["own_budgets"]["judge"] == {
            "limits": {"calls": 5}, "spent": {"calls": 0}, "left": {"calls": 5}, "asked": None,
        }  # fmt: skip
        most = plan("--sample", "0")["upper_bound"]["calls"]
        recipe_with(tmp_path, server, "{}")
        assert plan("--sample", "0")["upper_bound"]["calls"] > most
        recipe_with(tmp_path, server, "{budget: {calls: 5}}")
        told = unicorn("run", "--recipe", str(path))
        lake = Lake(str(tmp_path / "home/lake"))
        assert server.judged == 5
        assert 0 < unasked(lake) < pairs(lake)
        assert "not asked" in told
        assert server.calls <= most
        found = plan("--sample", "0")
        assert found["own_budgets"]["judge"]["left"] == {"calls": 0}
        assert found["stages"]["multiple_choice"]["left"]["rest"] == 0  # nobody waits for what will not be asked
        assert "0 of 5 calls left" in unicorn("plan", "--sample", "0", "--recipe", str(path))

        # More room makes nothing again by itself; a shard that is made again asks what was not asked.
        before, left = server.calls, unasked(lake)
        path = recipe_with(tmp_path, server, "{budget: {usd: 40}}")
        unicorn("run", "--recipe", str(path))
        assert (server.calls, unasked(lake)) == (before, left)
        unicorn("run", "--recipe", str(path), "--force", "multiple_choice")
        assert unasked(lake) == 0
        assert server.calls - before == server.judged - 5 > 0


def test_a_plan_takes_off_what_the_judge_will_not_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(local_run, "PARTS", PARTS)
    calls = {}
    for name, judge in (("all", "{}"), ("some", "{budget: {calls: 12}}"), ("plenty", "{budget: {usd: 900}}")):
        (tmp_path / name).mkdir()
        with Judging() as server:
            path = recipe_with(tmp_path / name, server, judge)
            options = ("--sample", "8", "--json", "--recipe", str(path), "--home", str(tmp_path / name / "home"))
            result = CliRunner().invoke(app, ["plan", *options], env={"COLUMNS": "300"})
            assert result.exit_code == 0, result.output
            plan = json.loads(result.stdout)
            calls[name] = plan["total"]["calls"]["value"]
            own = plan["own_budgets"].get("judge")
            assert (own is None) == (name == "all")
            assert server.judged == (own or {"spent": {}})["spent"].get("calls", server.judged)
            if name == "some":
                assert 0 <= own["asked"] < 1
    assert calls["some"] < calls["plenty"] == pytest.approx(calls["all"])


def test_money_for_the_judge_needs_a_price(tmp_path: Path):
    with Judging() as server:
        path = recipe_with(tmp_path, server, "{budget: {usd: 5}}", llm="")
    result = CliRunner().invoke(app, ["run", "--recipe", str(path), "--home", str(tmp_path / "home")])
    assert result.exit_code == 2
    assert "instructions.judge.budget.usd needs a price: give `llm.price`" in " ".join(result.output.split())


CLIENT = """
import sys
from unicorn_assets.automation import local_run
from unicorn_assets.cli import app
from unicorn_assets_tests.cli.test_looks import PARTS
local_run.PARTS = PARTS
app(["run", "--recipe", sys.argv[1], "--home", sys.argv[2]])
"""


def test_a_killed_run_forgets_nothing_of_what_the_judge_was_asked(tmp_path: Path):
    with Judging(pause_s=0.2) as server:
        path = recipe_with(tmp_path, server, "{budget: {calls: 8}}")
        command = [sys.executable, "-c", CLIENT, str(path), str(tmp_path / "home")]
        first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: server.judged >= 3 or first.poll() is not None)
        first.kill()
        first.wait()
        assert 3 <= server.judged <= 8
        again = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert again.returncode == 0, again.stdout
        assert server.judged <= 8
        lake = Lake(str(tmp_path / "home/lake"))
        assert sum(lake.info("multiple_choice", shard).extra["not_asked"] for shard in lake.shards("multiple_choice"))
