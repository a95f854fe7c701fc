"""Training records in the LLaVA/Bunny shape: one conversation of several turns per caption.

Roles alternate and the human begins; the first human turn starts with `<image>` and a newline. A multiple-choice turn
is the question and lines 'A: ...' to 'D: ...', and its answer the bare letter. Not here: writing files (release/).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from unicorn_assets.curation.leaks import Leaks
from unicorn_assets.generation.stage import table
from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.ids import digest
from unicorn_assets.instructions.multiple_choice.answer import LETTERS
from unicorn_assets.lake.quarantine_rows import quarantine_rows
from unicorn_assets.logic import logic_of
from unicorn_assets.recipe import Recipe

IMAGE = "<image>"


def version(recipe: Recipe) -> str:
    """Short hash of all that decides the records."""
    return digest([logic_of(__name__), recipe.section_hash("instructions", "benchmarks")], 8)


def to_records(
    captions: pl.DataFrame, pairs: Mapping[str, pl.DataFrame], leaks: Leaks | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`instructions` and `quarantine` rows of one shard, in the order of the captions.

    `pairs` maps each task to its table. Refused are pairs whose caption has gone or changed its task since they were
    made (no_caption), and those whose text would break the record: an `<image>` mark, an answer that is not a letter of
    the options, an empty turn (bad_turn); and those of which one holds an item of a benchmark (leaked). Raises KeyError
    for a task that is none.
    """
    by_caption: dict[str, tuple[str, dict[str, Any]]] = {}
    refused: list[dict[str, Any]] = []
    tasks = dict(zip(captions["caption_id"], captions["task"], strict=True))
    for task in (*TASK_NAMES, *pairs.keys() - TASK_NAMES):
        if task not in TASK_NAMES:
            raise KeyError(task)
        for row in pairs[task].iter_rows(named=True) if task in pairs else ():
            if tasks.get(row["caption_id"]) == task:
                by_caption[row["caption_id"]] = (task, row)
            else:
                refused.append(_refused(row, "no_caption", f"no caption {row['caption_id']} with the task {task}"))
    records: list[dict[str, Any]] = []
    for caption in captions.iter_rows(named=True):
        if caption["caption_id"] not in by_caption:
            continue
        task, row = by_caption[caption["caption_id"]]
        turns = conversation(row["pairs"])
        broken = _broken(row["pairs"], turns)
        if broken:
            refused.append(_refused(row, "bad_turn", broken))
            continue
        if leaks and (leaked := _leaked(row["pairs"], leaks)):
            refused.append(_refused(row, "leaked", leaked))
            continue
        record = {**row, "seed_id": caption["seed_id"], "task": task, "caption": caption["text"]}
        records.append(record | {"conversations": turns, "pairs": len(row["pairs"])})
    return table("instructions", records), quarantine_rows("instructions", refused)


def conversation(pairs: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The turns of a record: two per pair."""
    turns: list[dict[str, str]] = []
    for pair in pairs:
        lines = [pair["question"]]
        lines += [f"{letter}: {option}" for letter, option in zip(LETTERS, pair["options"] or (), strict=False)]
        turns.append({"from": "human", "value": "\n".join(lines)})
        turns.append({"from": "gpt", "value": pair["answer"]})
    if turns:
        turns[0]["value"] = f"{IMAGE}\n{turns[0]['value']}"
    return turns


def _leaked(pairs: list[dict[str, Any]], leaks: Leaks) -> str:
    """Which pair holds which item, or ''."""
    for number, pair in enumerate(pairs, 1):
        if (leak := leaks.in_pair(pair["question"], pair["options"] or (), pair["answer"])) is not None:
            return f"pair {number} {leak}"
    return ""


def _broken(pairs: list[dict[str, Any]], turns: list[dict[str, str]]) -> str:
    """What would break a trainer that reads this record, or ''."""
    if not turns:
        return "there are no pairs"
    if sum(turn["value"].count(IMAGE) for turn in turns) != 1:
        return f"a text holds the mark {IMAGE}"
    for pair in pairs:
        options = pair["options"]
        if options and (len(options) != len(LETTERS) or pair["answer"] not in tuple(LETTERS)):
            return f"{len(options)} options and the answer {pair['answer']!r}"
    return "a turn is empty" if any(not turn["value"].strip() for turn in turns) else ""


def _refused(row: dict[str, Any], reason: str, detail: str) -> dict[str, Any]:
    return {
        "row_id": row["instruction_id"], "parent_id": row["caption_id"], "reason": reason, "detail": detail,
        "raw_answer": str(row["pairs"]), "attempts": row["drafts"], "model": row["model"],
        "request_hash": row["request_hash"],
    }  # fmt: skip
