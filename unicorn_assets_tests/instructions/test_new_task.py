"""A fourth task costs its own folder and one line: then it is everywhere, in a copy of the package that has no more."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unicorn_assets
from unicorn_assets_tests.finished import REST
from unicorn_assets_tests.plan.server import Scripted, write_recipe

HOSTILE = Path(__file__).parents[2] / "benchmarks" / "hostile"
LINE = '    Task("counting", 50, "Questions of how many"),\n'
PROMPT = """# user
Write {min_pairs} to {max_pairs} questions of how many, as JSON.

{caption}
"""
SHAPE = '''"""Questions of how many; the answer and the number must agree."""

from typing import Annotated

from pydantic import Field

from unicorn_assets.curation.prose import Fault
from unicorn_assets.instructions.answer import FreePair
from unicorn_assets.instructions.gates import free_fault
from unicorn_assets.instructions.rules import Rules


class CountPair(FreePair):
    """A question, its answer, and the number in it."""

    number: Annotated[int, Field(ge=0, le=99)]


def fault(pair, caption, gates):
    if str(pair.number) not in pair.answer:
        return Fault("miscounted", f"{pair.answer!r} does not say {pair.number}.")
    return free_fault(pair, caption, gates)


RULES = Rules(CountPair, fault)
'''
WRONG, RIGHT = 7, 2


class Counting(Scripted):
    """Answers the new task, now and then with another number than the one it says."""

    def say(self, body: dict[str, Any]) -> str:
        if "number" not in json.dumps(body.get("response_format", "")):
            return super().say(body)
        pair = {"question": "How many cups stand next to the brick house?", "answer": "2 cups", "number": RIGHT}
        wrong = "lines 1" in body["messages"][-1]["content"] or body["seed"] % 3 == 0
        return json.dumps({"pairs": [pair | {"number": WRONG}] if wrong else [pair]})


# In one process, since each start costs seconds: what the commands print, and what Dagster would draw.
ASK = """
import contextlib, json, sys
import dagster as dg
from typer.testing import CliRunner
from unicorn_assets.automation import local_run
from unicorn_assets.cli import app
from unicorn_assets.definitions import build_defs
from unicorn_assets.keys import asset_key

def unicorn(*arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, (arguments, result.output, result.exception)
    return result.stdout

def told(*arguments):
    return json.loads(unicorn(*arguments, "--json"))

sys.path.insert(0, sys.argv[1])  # vectors without torch
import plain_encoder
plain_encoder.install()
instance = dg.DagsterInstance.ephemeral()  # Dagster's records on disk would cost half of the time
local_run.local_instance = lambda home: contextlib.nullcontext(instance)
unicorn("run", "--recipe", "recipe.yaml")
graph, key = build_defs().resolve_asset_graph(), asset_key("mine", "counting")
rows = told("show", "counting", "--rows", "1")
answers = {
    "status": told("status"), "plan": told("plan", "--sample", "0"), "rows": rows,
    "lineage": told("lineage", rows[0]["instruction_id"]), "quarantine": told("quarantine"),
    "about": graph.get(key).description, "checks": [c.name for c in graph.get_check_keys_for_assets({key})],
}
json.dump(answers, open("answers.json", "w"))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the commands say in a copy of the package with the new task, over a lake that it has filled."""
    folder = tmp_path_factory.mktemp("fourth")
    package = Path(unicorn_assets.__file__).parent
    copy = shutil.copytree(package, folder / "unicorn_assets", ignore=shutil.ignore_patterns("__pycache__"))
    graph = copy / "graph.py"
    graph.write_text(graph.read_text().replace("TASKS = (\n", f"TASKS = (\n{LINE}", 1))
    (copy / "instructions" / "counting").mkdir()
    (copy / "instructions" / "counting" / "counting.md").write_text(PROMPT)
    (copy / "instructions" / "counting" / "__init__.py").write_text(SHAPE)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNICORN_")}
    environment |= {"PYTHONPATH": str(folder), "COLUMNS": "200", "UNICORN_HOME": str(folder / "home")}
    environment |= {"UNICORN_RECIPE": str(folder / "recipe.yaml")}
    with Counting() as server:
        write_recipe(folder, server.url, rows=40)
        text = (folder / "recipe.yaml").read_text()
        loose = "gates: {strict: true, min_pairs: 1, max_pairs: 2, min_grounding: 0, min_alignment: 0}"
        line = f"  counting: {{weight: 3, {loose}}}\n  complex_reasoning:"
        (folder / "recipe.yaml").write_text(text.replace("  complex_reasoning:", line) + REST)
        np.save(folder / "images.npy", np.random.default_rng(1).normal(size=(40, 32)).astype(np.float32))
        done = subprocess.run(
            [sys.executable, "-c", ASK, str(HOSTILE)], cwd=folder, env=environment, capture_output=True, text=True,
            timeout=280, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "answers.json").read_text())


def test_it_is_asked_and_its_gate_refuses(told: dict[str, Any]) -> None:
    table = told["status"]["tables"]["counting"]
    assert table["rows"] > 0
    assert table["quarantined"] == {"too_few_pairs": sum(table["quarantined"].values())}
    (group,) = [group for group in told["quarantine"] if group["stage"] == "counting"]
    assert (group["rows"], group["can_retry"]) == (table["quarantined"]["too_few_pairs"], True)
    assert "miscounted" in group["example_detail"]
    assert told["rows"][0]["pairs"][0]["answer"] == "2 cups"


def test_a_plan_knows_that_it_is_done(told: dict[str, Any]) -> None:
    table = told["status"]["tables"]["counting"]
    planned = told["plan"]["stages"]["counting"]["left"]
    assert (planned["current"], planned["rest"]) == (table["rows"] + table["quarantined"]["too_few_pairs"], 0)


def test_its_rows_are_traced_and_released(told: dict[str, Any]) -> None:
    assert '"task": "counting"' in json.dumps(told["lineage"])
    release = Path(told["status"]["releases"]["unicorn_471k_instruction"])
    counts = json.loads((release / "manifest.json").read_text())["counts"]["rows"]
    assert counts["counting"] == told["status"]["tables"]["counting"]["rows"]
    assert counts["instructions"] == sum(counts[task] for task in ("counting", "multiple_choice", "question_answering"))


def test_dagster_draws_it_with_its_checks(told: dict[str, Any]) -> None:
    assert told["about"] == "Questions of how many, from the captions chosen for this task."
    assert "no_row_lost" in told["checks"]
