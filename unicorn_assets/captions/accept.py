"""From drafts to captions: gates that need the whole corpus, and the draw of the instruction task.

Not here: gates on one answer (gates.py), how near-duplicates are found (curation/near_duplicates.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from unicorn_assets.curation.leaks import Leaks
from unicorn_assets.generation.stage import table
from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.ids import digest, rng_of
from unicorn_assets.lake.quarantine_rows import quarantine_rows
from unicorn_assets.logic import logic_of
from unicorn_assets.recipe import Instructions, Recipe


def version(recipe: Recipe) -> str:
    """Short hash of all that decides which drafts become captions, and for which task."""
    return digest([logic_of(__name__), recipe.section_hash("instructions", "captions", "benchmarks")], 8)


def accept_captions(
    drafts: pl.DataFrame, seeds: pl.DataFrame, near_duplicates: pl.DataFrame, recipe: Recipe, leaks: Leaks | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`captions` and `quarantine` rows of one shard, in the order of the drafts.

    `near_duplicates` may hold all shards. A draft that repeats an earlier caption is refused (near_duplicate), and so
    is one whose seed is no longer in the shard (no_seed), which happens when a source was edited under old drafts, and
    one that holds an item of a benchmark (leaked).
    """
    repeats = {row["caption_id"]: row for row in near_duplicates.iter_rows(named=True)}
    origins = {row["seed_id"]: row for row in seeds.iter_rows(named=True)}
    captions: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for draft in drafts.iter_rows(named=True):
        seed, repeat = origins.get(draft["seed_id"]), repeats.get(draft["caption_id"])
        if repeat is not None:
            refused.append(_refused(draft, "near_duplicate", _repeats(repeat)))
        elif seed is None:
            refused.append(_refused(draft, "no_seed", f"seed {draft['seed_id']} is not in the shard any more"))
        elif leaks and (leak := leaks.in_text(draft["text"])) is not None:
            refused.append(_refused(draft, "leaked", str(leak)))
        else:
            task = draw_task(draft["caption_id"], recipe.instructions)
            captions.append({**draft, "source": seed["source"], "domain": seed["domain"], "task": task})
    return table("captions", captions), quarantine_rows("captions", refused)


def _repeats(repeat: Mapping[str, Any]) -> str:
    if repeat.get("kind") == "cosine":
        return f"says what {repeat['duplicate_of']} says, with a cosine of {repeat['cosine']:.3f} of their text vectors"
    return f"repeats {repeat['duplicate_of']} with a Jaccard similarity of {repeat['jaccard']:.2f}"


def draw_task(caption_id: str, instructions: Instructions) -> str | None:
    """The caption's instruction task or None: drawn from the caption's id alone, so that no other row can change it.

    Over many captions the tasks approach `share` times the normalised weights.
    """
    random = rng_of(caption_id, "task")
    weights = [instructions.task(name).weight for name in TASK_NAMES]
    if random.random() >= instructions.share or not any(weights):
        return None
    return random.choices(TASK_NAMES, weights)[0]


def _refused(draft: dict[str, Any], reason: str, detail: str) -> dict[str, Any]:
    return {
        "row_id": draft["caption_id"], "parent_id": draft["seed_id"], "reason": reason, "detail": detail,
        "raw_answer": draft["text"], "attempts": draft["drafts"], "model": draft["model"],
        "request_hash": draft["request_hash"],
    }  # fmt: skip
