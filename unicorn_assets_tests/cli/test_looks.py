"""The blind look through the real command line: planned, asked, quarantined, told of, and found in the journal."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unicorn_assets.automation import local_run
from unicorn_assets.cli import app
from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.finished import records_in_memory
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
