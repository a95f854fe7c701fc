"""`unicorn plan` and `unicorn run` with a budget, through the real command line against a server in this process."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from unicorn_assets.cli import app
from unicorn_assets_tests.finished import records_in_memory
from unicorn_assets_tests.plan.server import Scripted, write_recipe


@pytest.fixture
def server():
    with Scripted() as server, records_in_memory():
        yield server


def unicorn(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--home", str(folder / "home")], env={"COLUMNS": "300"})


def test_a_budget_ends_a_run_with_code_3_and_more_money_goes_on(
    tmp_path: Path, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unicorn_assets.automation.local_run.PARTS", (("seeds", "caption_drafts"),))
    recipe = ["--recipe", str(tmp_path / "recipe.yaml")]
    price = "price: {prompt: 100, completion: 300}"
    write_recipe(tmp_path, server.url, llm=f", {price}, budget: {{calls: 10}}")
    stopped = unicorn(tmp_path, "plan", *recipe, "--sample", "20")
    assert stopped.exit_code == 3
    assert "llm.budget" in stopped.output
    assert server.calls == 10
    planned = unicorn(tmp_path, "plan", *recipe, "--sample", "0", "--json")
    assert json.loads(planned.output)["budget"]["calls"] == {"limit": 10, "spent": 10, "left": 0, "fits": "unknown"}

    # Another budget makes nothing stale and asks nothing again.
    for calls in (20, 31):
        write_recipe(tmp_path, server.url, llm=f", {price}, budget: {{calls: {calls}}}")
        stopped = unicorn(tmp_path, "run", *recipe)
        assert stopped.exit_code == 3, stopped.output
        assert f"used {calls} calls of {calls} calls over all runs of this lake" in stopped.output
        assert "raise llm.budget in the recipe and run again" in stopped.output
        assert "Traceback" not in stopped.output
        assert server.calls == calls
    assert set(server.messages.values()) == {1}

    rows = json.loads(unicorn(tmp_path, "show", "ledger", "--json").output)
    assert sum(row["calls"] for row in rows) == 31
    assert {row["state"] for row in rows} == {"stopped"}
    stopped_runs = [row for row in rows if row["shard"] != "plan"]
    assert [row["calls"] for row in stopped_runs] == [10, 11]
    # The second run found what the first had asked for, and what it met of the sample.
    assert stopped_runs[1]["from_journal"] >= stopped_runs[0]["from_journal"] + 10
    query = "select asset, sum(calls) as calls, sum(cost_usd) as usd from ledger group by asset"
    (row,) = json.loads(unicorn(tmp_path, "show", query, "--json").output)
    assert (row["asset"], row["calls"]) == ("caption_drafts", 31)
    status = json.loads(unicorn(tmp_path, "status", "--json").output)
    assert status["spent"]["calls"] == 31
    assert status["spent"]["usd"] == pytest.approx(row["usd"])
    assert status["tables"]["caption_drafts"]["cost_usd"] == pytest.approx(row["usd"])


def test_money_without_a_price_is_a_mistake_in_the_recipe(tmp_path: Path) -> None:
    write_recipe(tmp_path, "http://127.0.0.1:9", llm=", budget: {usd: 5}")
    result = unicorn(tmp_path, "plan", "--recipe", str(tmp_path / "recipe.yaml"))
    assert result.exit_code == 2
    assert "budget.usd needs a price: give `llm.price`" in result.output


def test_a_plan_is_a_table_for_people(tmp_path: Path, server: Scripted) -> None:
    write_recipe(tmp_path, server.url, llm=", price: {prompt: 100, completion: 300}, gpus: 2, gpu_hour_usd: 1.5")
    result = unicorn(tmp_path, "plan", "--recipe", str(tmp_path / "recipe.yaml"))
    assert result.exit_code == 0, result.output
    for words in ("caption_drafts", "total", "money by llm.price", "GPU-hours on 2 GPUs", "kept for the run", "disk"):
        assert words in result.output
