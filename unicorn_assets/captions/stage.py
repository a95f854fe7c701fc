"""Stage 1 as a Stage: one caption per seed.

Here: requests made from seeds, table rows made from captions. Not here: what makes a caption good (gates.py), what
becomes of drafts in the corpus (accept.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from unicorn_assets.captions.gates import caption_of
from unicorn_assets.captions.other_languages import caption_in
from unicorn_assets.curation.languages import ENGLISH, asked_in, is_unspaced, languages_of, length_in
from unicorn_assets.curation.words import reads_as_english
from unicorn_assets.generation.prompt import Prompt, load_prompt
from unicorn_assets.generation.stage import Stage, code_of, model_marks
from unicorn_assets.ids import content_id, seed_of
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import unheard
from unicorn_assets.recipe import Captions, Recipe

PROMPTS = Path(__file__).parent / "prompts"


@dataclass(frozen=True)
class CaptionRow:
    """One seed on its way through the engine."""

    row_id: str
    seed: str
    prompt: Prompt
    settings: Captions
    language: str = ENGLISH

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        """Draft after draft has a seed of its own, derived from the text, so that equal seeds ask equal questions."""
        return ChatRequest(
            messages=asked_in(self.prompt.render({"seed": self.seed}, problem), self.language),
            sampling=self.settings.sampling,
            seed=seed_of("caption", self.seed, draft),
            prompt_version=self.prompt.version,
        )

    def accept(self, text: str, _on_repair: Callable[[], None] = unheard) -> str:
        """The caption, trimmed and gated."""
        if self.language != ENGLISH:
            return caption_in(self.language, text, self.seed, self.settings.gates)
        return caption_of(text, self.seed, self.settings.gates, self.prompt.grams)


def stage(recipe: Recipe) -> Stage:
    """Raises UserError when the recipe's prompt is missing or its placeholders do not fit."""
    prompt = prompt_of(recipe)

    def rows_of(seeds: pl.DataFrame) -> list[CaptionRow]:
        return [
            CaptionRow(row["seed_id"], row["text"], prompt, recipe.captions, recipe.language_of(row.get("source")))
            for row in seeds.iter_rows(named=True)
        ]

    def decides() -> list[Any]:
        marks = model_marks(recipe, has_schema=False)
        return [code_of(__name__), prompt.version, recipe.section_hash("captions"), *marks, *languages_of(recipe)]

    return Stage(
        name="caption_drafts", parent="seeds", key="seed_id",
        decides=decides, prompt=prompt, rows_of=rows_of, made=_made, accept=recipe.captions.accept,
        max_row_tokens=recipe.llm.max_row_tokens, hint=_of_language, figures=lengths,
        settings=recipe.captions.model_dump(mode="json", exclude={"prompt"}), model=recipe.llm.model,
    )  # fmt: skip


def prompt_of(recipe: Recipe) -> Prompt:
    """The recipe's caption prompt, with the numbers of words filled in."""
    gates = recipe.captions.gates
    prompt = load_prompt(PROMPTS, recipe.captions.prompt, recipe, {"seed"}, {"min_words", "max_words"})
    return prompt.fill({"min_words": str(gates.min_words), "max_words": str(gates.max_words)})


def lengths(frame: pl.DataFrame) -> dict[str, float]:
    """Mean, least and most words, of a table of captions that has any."""
    words: list[int] = frame["words"].to_list()
    if not words:
        return {}
    return {"mean words": round(sum(words) / len(words), 1), "min words": min(words), "max words": max(words)}


def _made(row: CaptionRow, caption: str) -> dict[str, Any]:
    return {"caption_id": content_id("c", row.row_id, caption), "text": caption, "words": _count(row.language, caption)}


def _of_language(row: CaptionRow, reason: str) -> str:
    """Says of a seed in another language why no English caption can keep its words. Not in the gate: what that says is
    part of the next request.
    """
    if row.language != ENGLISH or reason not in ("ungrounded", "garbled") or reads_as_english(row.seed):
        return ""
    return " The seed does not read as English: captions are English and must keep the seed's words."


def _count(language: str, caption: str) -> int:
    """Words by white space; a script without spaces is counted as its gate counts it."""
    return length_in(caption) if is_unspaced(language) else len(caption.split())
