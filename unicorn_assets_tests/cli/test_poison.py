"""Poisonous answers through the real command line: a run ends well, and a lake that holds them is run again.

A release that is made beside them holds none of them, and the quarantine tells each in words.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from unicorn_assets.automation import local_run
from unicorn_assets.cli import app
from unicorn_assets.graph import ancestors
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.release import release_instruction, release_pretrain
from unicorn_assets_tests.finished import records_in_memory
from unicorn_assets_tests.plan.server import PAIRS, SCENE, Scripted, write_recipe
from unicorn_assets_tests.small_lake import facts, vectors_of

PARTS = (ancestors("instructions")[1:],)
HALF = "A tall slim sla"
CUT = (
    json.dumps({"pairs": [PAIRS[1], PAIRS[1] | {"question": "What leans on it?", "answer": HALF}]}).partition(HALF)[0]
    + HALF
)
TEXTS = [
    "[" * 900, "{" * 2000, '{"pairs": ' + "[" * 200_000, '{"pairs": [{"question": "\\ud800 what?", "answer": ["\\ud800',
    "A dog \ud83d sits.", "A dog \0 sits" + "\0" * 900, "x" * 200_000, CUT, f"{SCENE} USER: More. ASSISTANT: {HALF}",
    "<think>a dog", f"<think>{HALF}</think> {SCENE} A red tram stands near a wall.", f"{SCENE} [/INST] {HALF}",
    "&#55357;" * 99,
]  # fmt: skip
MESSAGES = [
    {"content": None, "refusal": "I can't help with that."},
    {"content": None, "tool_calls": [{"function": {"arguments": HALF}}]},
    {"content": None, "reasoning_content": HALF},
    {"content": [{"type": "thinking", "thinking": HALF}, {"type": "text", "text": "\ud83d"}]},
]
USAGES = [
    '{"prompt_tokens": 1e999, "completion_tokens": 9}', '{"prompt_tokens": -4, "completion_tokens": NaN}', "[]", "null",
    '{"prompt_tokens": 9000000000000000000000, "completion_tokens": 9000000000000000000000}',
]  # fmt: skip


class Poisonous(Scripted):
    """Every second answer is poison: chosen by its request, so that it comes again when it is asked for again."""

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.messages[json.dumps([body["messages"], body["seed"]])] += 1
        number = body["seed"] // 10
        poison = [{"content": text} for text in TEXTS] + MESSAGES
        message = poison[number // 2 % len(poison)] if number % 2 else {"content": self.say(body)}
        choice = {"finish_reason": ("stop", "length", None)[number % 3], "message": message}
        answer = json.dumps({"choices": [choice], "usage": "U"}).replace('"U"', USAGES[number % len(USAGES)])
        return web.Response(text=answer, content_type="application/json")


@pytest.fixture
def unicorn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(local_run, "PARTS", PARTS)

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--home", str(tmp_path / "home")], env={"COLUMNS": "300"})
        assert result.exit_code == 0, result.output
        assert "Traceback" not in result.output
        return result.stdout

    with records_in_memory():
        yield call


def test_a_lake_lives_with_poison_in_its_journal(tmp_path: Path, unicorn: Any) -> None:
    recipe = ("--recipe", str(tmp_path / "recipe.yaml"))

    def refused() -> set[str]:
        return {row["reason"] for row in json.loads(unicorn("show", "quarantine", "--rows", "500", "--json"))}

    with Poisonous() as server:
        write_recipe(tmp_path, server.url, rows=100)
        unicorn("run", *recipe)
        assert refused() >= {"only_reasoning", "model_refused", "tool_call", "cut_off", "chat_mark"}
        asked = server.calls
        # Every row that was refused is made again, with the poison in the journal and some more from the server.
        unicorn("quarantine", "retry", "--stage", "caption_drafts", "--drafts", "1", *recipe)
        unicorn("quarantine", "retry", "--stage", "question_answering", "--drafts", "1", *recipe)
        assert server.calls > asked
        assert server.messages.most_common(1)[0][1] == 1
    assert "judge_failed" not in refused()
    assert json.loads(unicorn("quarantine", "--json", "--rows", "200"))
    lake = Lake(str(tmp_path / "home/lake"))
    shards = lake.shards("captions")
    for shard in shards:
        ids = lake.read("captions", shard)["caption_id"].to_list()
        assert ids
        lake.write_vectors("image_embeddings", shard, ids, vectors_of(ids), Made("r", "1", {}))
    for release in (release_pretrain, release_instruction):
        made = release(lake, load_recipe(recipe[1]), shards, facts())
        told = "".join(file.read_text(encoding="utf-8") for file in Path(made.path).glob("*.json*"))
        assert SCENE in told
        for mark in (HALF, "USER:", "[/INST]", "<think>", "\\ud8", "\\u0000", "\ufffd"):
            assert mark not in told, mark
