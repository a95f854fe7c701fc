"""What a version of a stage asks with, kept in the lake: `asked/<stage>/<version>.json`, prompts, settings and model.

A shard's description names the version that made it, so that its prompt can be read long after recipe and code have
moved on. Here: keeping and reading it. Not here: what was asked about one row (lineage/drafts.py).
"""

from typing import Any

from unicorn_assets.generation.prompt import Prompt
from unicorn_assets.generation.stage import Stage
from unicorn_assets.lake.store import Lake
from unicorn_assets.seals import open_json, seal_json

FOLDER = "asked"
KEYS = ("prompts", "settings", "model")


def keep_asked(lake: Lake, stage: Stage) -> None:
    """Write down what this version of the stage asks with, unless it is known."""
    name = _name(stage.name, stage.version)
    if not lake.files.exists(name):
        prompts = [_plain(prompt) for prompt in (stage.prompt, *stage.further)]
        plain = {"prompts": prompts, "settings": dict(stage.settings), "model": stage.model}
        lake.files.write(name, seal_json(plain))


def read_asked(data: bytes) -> dict[str, Any]:
    """What `keep_asked` wrote; ValueError when it was changed."""
    return open_json(data, KEYS)


def asked_with(lake: Lake, stage: str, version: str) -> dict[str, Any] | None:
    """Prompts (name, version, turns, correction), settings and model of a version; None when nobody kept them, as in
    lakes of before.
    """
    try:
        return read_asked(lake.files.read(_name(stage, version)))
    except (FileNotFoundError, IsADirectoryError):
        return None
    except ValueError as error:
        lake.report(_name(stage, version), str(error))
        return None


def _name(stage: str, version: str) -> str:
    return f"{FOLDER}/{stage}/{version}.json"


def _plain(prompt: Prompt) -> dict[str, Any]:
    return {
        "name": prompt.name, "version": prompt.version, "correction": prompt.correction,
        "turns": [{"role": role, "content": text} for role, text in prompt.turns],
    }  # fmt: skip
