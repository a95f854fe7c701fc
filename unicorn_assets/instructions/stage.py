"""Stage 2 as Stages: question-answer pairs about the captions of a task, one Stage for each task.

Here: requests made from captions, pairs made from answers. Not here: what makes a pair good (gates.py and each task's
folder), the training record (conversation.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from unicorn_assets.curation.languages import ENGLISH, asked_in, languages_of
from unicorn_assets.curation.words import content, words
from unicorn_assets.errors import UserError
from unicorn_assets.generation.looking import looked_at
from unicorn_assets.generation.prompt import Prompt, load_prompt
from unicorn_assets.generation.stage import Stage, by_row, code_of, model_marks
from unicorn_assets.ids import content_id, seed_of
from unicorn_assets.instructions.answer import read, schema, with_fields
from unicorn_assets.instructions.looks import looks_of
from unicorn_assets.instructions.other_languages import fault_in, same_question
from unicorn_assets.instructions.rules import Rules, rules_of
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Rejected, unheard
from unicorn_assets.recipe import Recipe, TaskSettings


@dataclass(frozen=True)
class PairsRow:
    """One caption on its way through the engine."""

    row_id: str
    caption: str
    task: str
    prompt: Prompt
    settings: TaskSettings
    rules: Rules
    language: str = ENGLISH

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        """One draft; its seed comes from the caption's text, the task and the number of the draft."""
        gates, rules = self.settings.gates, self.rules
        return ChatRequest(
            messages=asked_in(self.prompt.render({"caption": self.caption}, problem), self.language),
            sampling=self.settings.sampling,
            seed=seed_of(self.task, self.caption, draft),
            schema=with_fields(schema(rules.pair, gates, rules.limit), rules.by_caption(gates, self.caption)),
            prompt_version=self.prompt.version,
        )

    def accept(self, text: str, on_repair: Callable[[], None] = unheard) -> list[Any]:
        """The pairs that pass the gates; raises Rejected when fewer than `min_pairs` do."""
        gates = self.settings.gates
        kept: list[Any] = []
        faults: list[tuple[str, str]] = []
        pairs, cut = read(self.rules.pair, text, on_repair)
        for pair in pairs[: gates.max_pairs]:
            if self.language == ENGLISH:
                fault = self.rules.fault_of(pair, self.caption, gates)
            else:
                fault = fault_in(self.language, pair, gates)
            if fault is None and any(_same(pair.question, other.question, self.language) for other in kept):
                faults.append(("duplicate_question", f"{pair.question!r} is asked twice."))
            elif fault is not None:
                faults.append(fault)
            else:
                kept.append(pair)
        if len(kept) < gates.min_pairs:
            said = "; ".join(f"{reason}: {detail}" for reason, detail in faults[:3])
            reason = "cut_off" if cut else "too_few_pairs"
            raise Rejected(reason, f"{len(kept)} good pairs, {gates.min_pairs} needed. {said}".strip())
        return kept


def stage(recipe: Recipe, task: str) -> Stage:
    """Raises UserError when a prompt of the recipe is missing or its placeholders do not fit.

    The task's weight is no part of the version: it decides which captions are asked about, not what is asked.
    """
    rules, settings, prompt = rules_of(task), recipe.instructions.task(task), prompt_of(recipe, task)
    if languages_of(recipe) and getattr(settings, "options_prompt", None):
        raise UserError(f"instructions.{task}.options_prompt asks in English", "leave it out for other languages")
    second, looks = rules.two_steps(recipe, prompt), looks_of(recipe, task)
    attempt = second.attempt if second else by_row
    for look in looks:
        attempt = looked_at(attempt, look)

    def rows_of(captions: pl.DataFrame) -> list[Any]:
        sources = captions["source"] if "source" in captions.columns else [None] * captions.height
        rows = zip(captions["caption_id"], captions["text"], map(recipe.language_of, sources), strict=True)
        if second is not None:
            return [second.row(caption_id, text) for caption_id, text, _ in rows]
        return [
            PairsRow(caption_id, text, task, prompt, settings, rules, language) for caption_id, text, language in rows
        ]

    def made(row: Any, pairs: list[Any]) -> dict[str, Any]:
        finished = [rules.finish(pair, row.row_id) for pair in pairs]
        parts = [text for pair in finished for text in (pair["question"], pair["answer"])]
        return {"instruction_id": content_id("i", row.row_id, task, *parts), "pairs": finished}

    def decides() -> list[Any]:
        return [
            code_of(__name__, type(rules).__module__, f"{__package__}.{task}"),
            [prompt.version, second.second.version if second else None],
            [look.marks() for look in looks],
            settings.model_dump(mode="json", exclude={"weight"}),
            *model_marks(recipe, has_schema=True),
            *languages_of(recipe),
        ]

    return Stage(
        name=task, parent="captions", key="caption_id", task=task,
        decides=decides, prompt=prompt, rows_of=rows_of, made=made, accept=settings.accept,
        max_row_tokens=recipe.llm.max_row_tokens,
        attempt=attempt, follow_ups=(*((second.follow_up,) if second else ()), *(look.follow_up for look in looks)),
        figures=lambda frame: {"pairs": int(frame["pairs"].list.len().sum())},
        settings=settings.model_dump(mode="json", exclude={"prompt", "options_prompt"}),
        further=(*((second.second,) if second else ()), *(look.prompt for look in looks)), model=recipe.llm.model,
    )  # fmt: skip


def prompt_of(recipe: Recipe, task: str) -> Prompt:
    """The recipe's prompt for `task`: one of the task's folder, or a file of the recipe's own."""
    settings = recipe.instructions.task(task)
    folder = Path(__file__).parent / task
    prompt = load_prompt(folder, settings.prompt or task, recipe, {"caption"}, {"min_pairs", "max_pairs"})
    return prompt.fill({"min_pairs": str(settings.gates.min_pairs), "max_pairs": str(settings.gates.max_pairs)})


def _same(one: str, other: str, language: str) -> bool:
    """Whether two questions ask with the same words, in whatever form and order ('does he wear', 'is he wearing')."""
    if language != ENGLISH:
        return same_question(one, other, language)
    return sorted(content(one)) == sorted(content(other)) and words(one)[0] == words(other)[0]
