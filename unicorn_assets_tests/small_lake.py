"""A small but complete lake, every table and vector made the way the stages make them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from unicorn_assets.ids import content_id, rng_of
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.recipe import Recipe
from unicorn_assets.release import ReleaseFacts

SHARDS = ("birds-00000", "birds-00001", "labels-00000")
MODEL, PROMPT = "tiny-llm@1", "dense@0a1b"
TEXT = "a small brown bird sits on the wet branch of an old tree near blue water under grey clouds"
DIMENSION = 8


def small_recipe(**changes: Any) -> Recipe:
    """A recipe with a text source and a labels source; `changes` replace top-level keys."""
    sources = [
        {"name": "birds", "path": "birds.csv"},
        {"name": "labels", "labels": "labels.txt", "templates": "templates.txt", "domain": "birds"},
    ]
    return Recipe.model_validate({"name": "small", "sources": sources, "llm": {}} | changes)


def facts(**changes: Any) -> ReleaseFacts:
    """Facts that fit `fill`."""
    known: dict[str, Any] = {
        "encoder": "pocket", "encoder_revision": "r1", "dimension": DIMENSION, "transfer": "realign, 1 pass",
        "gap_before": {"centroid distance": 0.9}, "gap_after": {"centroid distance": 0.1},
        "gap_interval": {"centroid distance": (0.08, 0.13)},
        "packages": {"numpy": "2"}, "licenses": {"birds": "CC0-1.0"},
    }  # fmt: skip
    return ReleaseFacts(**known | changes)


def fill(lake: Lake, shards: Sequence[str] = SHARDS, rows: int = 4) -> Lake:
    """Every stage of `shards`: of `rows` seeds each the last is quarantined, the one before a near-duplicate."""
    seeds = [_seeds(shard, rows) for shard in shards]
    lake.write("seed_catalog", "all", pl.concat(seeds), _made("seed_catalog"))
    repeats, shard_of_repeat = [], []
    for shard, frame in zip(shards, seeds, strict=True):
        seed_rows = frame.drop("shard").to_dicts()
        drafts = [_draft(seed) for seed in seed_rows[:-1]]
        refused = _refusal("caption_drafts", seed_rows[-1]["seed_id"], None)
        captions = [_caption(draft, seed) for draft, seed in zip(drafts[:-1], seed_rows, strict=False)]
        repeats.append((drafts[-1]["caption_id"], drafts[0]["caption_id"]))
        shard_of_repeat.append(shard)
        pairs = [{"question": "What sits there?", "options": None, "answer": "A bird."}]
        tasks = [_task(caption, pairs) for caption in captions[::2]]
        _write(lake, "seeds", shard, seed_rows)
        _write(lake, "caption_drafts", shard, drafts)
        _write(lake, "quarantine/caption_drafts", shard, [refused])
        near = _refusal("captions", drafts[-1]["caption_id"], drafts[-1]["seed_id"], "near_duplicate")
        _write(lake, "quarantine/captions", shard, [near])
        _write(lake, "captions", shard, captions)
        _write(lake, "question_answering", shard, tasks)
        instructions = [_instruction(task, caption) for task, caption in zip(tasks, captions[::2], strict=True)]
        _write(lake, "instructions", shard, instructions)
        ids = [caption["caption_id"] for caption in captions]
        # Another order than the captions': joins must go by id.
        lake.write_vectors("image_embeddings", shard, ids[::-1], vectors_of(ids[::-1]), _made("image_embeddings"))
    near_duplicates = [
        {"caption_id": one, "duplicate_of": other, "kind": "jaccard", "jaccard": 0.9, "cosine": None, "shard": shard}
        for (one, other), shard in zip(repeats, shard_of_repeat, strict=True)
    ]
    _write(lake, "near_duplicates", "all", near_duplicates)
    return lake


def vectors_of(ids: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Unit vectors that only depend on the id, (rows, DIMENSION)."""
    raw = [np.random.default_rng(rng_of(i).getrandbits(31)).normal(size=DIMENSION) for i in ids]
    matrix = np.array(raw, dtype=np.float32).reshape(len(ids), DIMENSION)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def _write(lake: Lake, table: str, shard: str, rows: list[dict[str, Any]]) -> None:
    schema = polars_schema("quarantine" if table.startswith("quarantine/") else table)
    lake.write(table, shard, pl.DataFrame(rows, schema=schema), _made(table, shard))


def _made(table: str, shard: str = "all") -> Made:
    return Made(recipe="recipe-1", code_version=f"{table}-1", parents={f"before-{table}/{shard}": "0"})


def _seeds(shard: str, rows: int) -> pl.DataFrame:
    source = shard.rsplit("-", 1)[0]
    label = "wren" if source == "labels" else None
    made = []
    first = 1 + rows * int(shard.rsplit("-", 1)[1])
    for row in range(first, first + rows):
        text = f"a photo of a {label}, {shard} {row}" if label else f"seed {row} of {shard}, naïve 🐦"
        made.append(
            {"seed_id": content_id("s", text), "source": source, "text": text, "domain": "open", "label": label,
             "file": f"{source}.csv", "row": row, "shard": shard}
        )  # fmt: skip
    return pl.DataFrame(made, schema=polars_schema("seed_catalog"))


def _draft(seed: dict[str, Any]) -> dict[str, Any]:
    rng = rng_of(seed["seed_id"])
    text = f"{seed['text']}: “" + " ".join(rng.choices(TEXT.split(), k=rng.randint(5, 30))) + "”"
    caption_id = content_id("c", seed["seed_id"], text)
    return {"caption_id": caption_id, "seed_id": seed["seed_id"], "text": text, "words": len(text.split()), **_origin()}


def _caption(draft: dict[str, Any], seed: dict[str, Any]) -> dict[str, Any]:
    return draft | {"source": seed["source"], "domain": seed["domain"], "task": None}


def _task(caption: dict[str, Any], pairs: list[dict[str, Any]]) -> dict[str, Any]:
    instruction_id = content_id("i", caption["caption_id"], "question_answering")
    return {"instruction_id": instruction_id, "caption_id": caption["caption_id"], "pairs": pairs, **_origin("qa@1")}


def _instruction(task: dict[str, Any], caption: dict[str, Any]) -> dict[str, Any]:
    turns = [
        turn
        for number, pair in enumerate(task["pairs"] * 3)
        for turn in (
            {"from": "human", "value": ("" if number else "<image>\n") + pair["question"]},
            {"from": "gpt", "value": pair["answer"]},
        )
    ]
    return {
        "instruction_id": task["instruction_id"], "caption_id": caption["caption_id"], "seed_id": caption["seed_id"],
        "task": "question_answering", "caption": caption["text"], "conversations": turns, "pairs": 3, **_origin("qa@1"),
    }  # fmt: skip


def _refusal(stage: str, row_id: str, parent: str | None, reason: str = "too_short") -> dict[str, Any]:
    return {
        "stage": stage, "row_id": row_id, "parent_id": parent, "reason": reason, "detail": "3 words, 30 are wanted",
        "raw_answer": "A bird sits.", "attempts": 3, "model": MODEL, "request_hash": "f" * 32,
        "at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip


def _origin(prompt: str = PROMPT) -> dict[str, Any]:
    return {"model": MODEL, "request_hash": "ab" * 16, "prompt_version": prompt, "drafts": 1}
