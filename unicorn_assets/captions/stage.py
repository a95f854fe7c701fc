"""Stage 1: ask for one caption per seed and put the outcomes into tables.

Here: requests made from seeds, rows made from answers. Not here: what makes a caption good (gates.py), who answers
(`ask`, which the caller binds to an endpoint and a journal), near-duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from unicorn_assets.captions.gates import caption_of
from unicorn_assets.curation.words import reads_as_english
from unicorn_assets.generation.prompt import Prompt, load_prompt
from unicorn_assets.generation.rounds import Attempt, outcomes
from unicorn_assets.ids import content_id, digest, seed_of
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.llm.endpoints.vllm_command import answer_options
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Accepted, Draftable, Quarantined
from unicorn_assets.recipe import Captions, Recipe
from unicorn_assets.text import storable_in

T = TypeVar("T")
Ask = Callable[[Iterable[Draftable[T]]], Iterator[Accepted[T] | Quarantined]]

PROMPTS = Path(__file__).parent / "prompts"
MOST_RAW = 4000
"""Characters of an answer that the quarantine keeps."""
LOGIC = 2
"""Raised when gates or trimming change, so that Dagster shows captions made by older rules as outdated."""


def prompt_of(recipe: Recipe) -> Prompt:
    """The recipe's caption prompt; raises UserError when it is missing or its placeholders do not fit."""
    gates = recipe.captions.gates
    prompt = load_prompt(PROMPTS, recipe.captions.prompt, recipe, {"seed"}, {"min_words", "max_words"})
    return prompt.fill({"min_words": str(gates.min_words), "max_words": str(gates.max_words)})


def version(recipe: Recipe) -> str:
    """Short hash of all that decides the drafts of a seed: prompt, caption settings, model, rules."""
    llm = recipe.llm
    model = [llm.model, llm.revision, *answer_options(llm), *llm.wire.marks(has_schema=False)]
    return digest([LOGIC, prompt_of(recipe).version, recipe.section_hash("captions"), *model], 6)


@dataclass(frozen=True)
class CaptionRow:
    """One seed on its way through the engine."""

    row_id: str
    seed: str
    prompt: Prompt
    settings: Captions

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        """Draft after draft has a seed of its own, derived from the text, so that equal seeds ask equal questions."""
        return ChatRequest(
            messages=self.prompt.render({"seed": self.seed}, problem),
            sampling=self.settings.sampling,
            seed=seed_of("caption", self.seed, draft),
            prompt_version=self.prompt.version,
        )

    def accept(self, text: str) -> str:
        """The caption, trimmed and gated."""
        return caption_of(text, self.seed, self.settings.gates, self.prompt.grams)


def draft_captions(
    seeds: pl.DataFrame, recipe: Recipe, ask: Ask[str], granted: Mapping[str, int] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`caption_drafts` and `quarantine` rows of `seeds`, both in the order of the seeds.

    `seeds` needs seed_id and text. Every seed ends in exactly one of the two tables. `granted`: further drafts by
    seed_id.
    """
    prompt = prompt_of(recipe)
    rows = [CaptionRow(row["seed_id"], row["text"], prompt, recipe.captions) for row in seeds.iter_rows(named=True)]
    found = outcomes(rows, by_row(ask), recipe.captions.accept, granted, recipe.llm.max_row_tokens)
    drafts: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for row in rows:
        outcome = found[row.row_id]
        if isinstance(outcome, Quarantined):
            refused.append(_with_language(quarantine_row("caption_drafts", row.row_id, row.row_id, outcome), row.seed))
        else:
            drafts.append(
                {
                    "caption_id": content_id("c", row.row_id, outcome.value),
                    "seed_id": row.row_id,
                    "text": outcome.value,
                    "words": len(outcome.value.split()),
                    **origin(outcome, prompt),
                }
            )
    return table("caption_drafts", drafts), table("quarantine", refused)


def _with_language(refused: dict[str, Any], seed: str) -> dict[str, Any]:
    """Says of a seed in another language why no English caption can keep its words. Not in the gate: what that says is
    part of the next request.
    """
    if refused["reason"] in ("ungrounded", "garbled") and not reads_as_english(seed):
        refused["detail"] += " The seed does not read as English: captions are English and must keep the seed's words."
    return refused


def by_row(ask: Ask[Any]) -> Attempt:
    """`ask`, with its outcomes by row id."""
    return lambda rows: {outcome.row_id: outcome for outcome in ask(rows)}


def origin(outcome: Accepted[T], prompt: Prompt) -> dict[str, Any]:
    """Where a generated row comes from: the columns that every such table shares."""
    answer = outcome.answer
    return {
        "model": answer.model,
        "request_hash": answer.key,
        "prompt_version": prompt.version,
        "drafts": outcome.drafts,
    }


def quarantine_row(stage: str, row_id: str, parent_id: str | None, outcome: Quarantined) -> dict[str, Any]:
    """A quarantine row from the engine's verdict."""
    detail = outcome.detail
    if outcome.resume is None and outcome.attempts:
        detail += f" (after {outcome.attempts} request{'s' if outcome.attempts > 1 else ''})"
    return {
        "stage": stage,
        "row_id": row_id,
        "parent_id": parent_id,
        "reason": outcome.reason,
        "detail": detail,
        "raw_answer": outcome.raw_answer[:MOST_RAW],
        "attempts": outcome.asked,
        "model": outcome.model or None,
        "request_hash": outcome.request_hash or None,
        "at": datetime.now(UTC),
    }


def table(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame with the columns and types of table `name`, every text `storable`."""
    return pl.DataFrame(storable_in(rows), schema=polars_schema(name), orient="row")
