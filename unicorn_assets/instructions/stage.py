"""Stage 2: ask for question-answer pairs about each caption of a task and put the outcomes into tables.

Here: requests made from captions, pairs made from answers, options shuffled. Not here: what makes a pair good
(gates.py), the training record (conversation.py), who answers (`ask`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import polars as pl

from unicorn_assets.captions.stage import Ask, by_row, origin, quarantine_row, table
from unicorn_assets.curation.words import content, words
from unicorn_assets.generation.prompt import Prompt, load_prompt
from unicorn_assets.generation.rounds import outcomes
from unicorn_assets.ids import content_id, digest, rng_of, seed_of
from unicorn_assets.instructions.answer import ChoicePair, Pair, Problem, read, schema
from unicorn_assets.instructions.gates import fault_of
from unicorn_assets.instructions.two_steps import QuestionsRow, ask_in_two_steps, options_prompt
from unicorn_assets.llm.endpoints.vllm_command import answer_options
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Accepted, Quarantined, Rejected
from unicorn_assets.recipe import Recipe, Task, TaskName

PROMPTS = Path(__file__).parent / "prompts"
LETTERS = "ABCD"
LOGIC = 2
"""Raised when gates or the making of pairs change, so that Dagster shows pairs made by older rules as outdated."""

Finished = dict[str, Any]
"""A pair as the tables keep it: question, options (four texts, or null), answer (a letter A-D, or text)."""


def prompt_of(recipe: Recipe, task: str) -> Prompt:
    """The recipe's prompt for `task`; raises UserError when it is missing or its placeholders do not fit."""
    settings = recipe.instructions.task(task)
    prompt = load_prompt(PROMPTS, settings.prompt or task, recipe, {"caption"}, {"min_pairs", "max_pairs"})
    return prompt.fill({"min_pairs": str(settings.gates.min_pairs), "max_pairs": str(settings.gates.max_pairs)})


def version(recipe: Recipe, task: str) -> str:
    """Short hash of all that decides the pairs of a caption: prompt, the task's settings, model, rules.

    The task's weight is left out: it decides which captions are asked about, not what is asked.
    """
    settings = recipe.instructions.task(task).model_dump(mode="json", exclude={"weight"})
    second = options_prompt(recipe) if task == "multiple_choice" else None
    prompts = [prompt_of(recipe, task).version, second.version if second else None]
    llm = recipe.llm
    return digest([LOGIC, prompts, settings, llm.model, llm.revision, *answer_options(llm), *llm.wire.marks()], 6)


@dataclass(frozen=True)
class PairsRow:
    """One caption on its way through the engine."""

    row_id: str
    caption: str
    task: TaskName
    prompt: Prompt
    settings: Task

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        """One draft; its seed comes from the caption's text, the task and the number of the draft."""
        return ChatRequest(
            messages=self.prompt.render({"caption": self.caption}, problem),
            sampling=self.settings.sampling,
            seed=seed_of(self.task, self.caption, draft),
            schema=schema(self.task, self.settings.gates, self.caption),
            prompt_version=self.prompt.version,
        )

    def accept(self, text: str) -> list[Pair]:
        """The pairs that pass the gates; raises Rejected when fewer than `min_pairs` do."""
        gates = self.settings.gates
        kept: list[Pair] = []
        faults: list[tuple[str, str]] = []
        pairs, cut = read(self.task, text)
        for pair in pairs[: gates.max_pairs]:
            fault = fault_of(pair, self.caption, gates)
            if fault is None and any(_same(pair.question, other.question) for other in kept):
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


def _same(one: str, other: str) -> bool:
    """Whether two questions ask with the same words, in whatever form and order ('does he wear', 'is he wearing')."""
    return sorted(content(one)) == sorted(content(other)) and words(one)[0] == words(other)[0]


def finish(pair: Pair, caption_id: str) -> Finished:
    """A pair as the table keeps it; the options of a choice in random order, with the letter of the right one.

    The order is drawn from the caption's id and the question, each of the 24 orders alike, so letters balance over a
    table and no turn of a conversation tells the letter of another. Only the order changes, never a text.
    """
    if isinstance(pair, ChoicePair):
        options = [pair.answer, *pair.wrong_options]
        rng_of(caption_id, "options", pair.question).shuffle(options)
        return {"question": pair.question, "options": options, "answer": LETTERS[options.index(pair.answer)]}
    if isinstance(pair, Problem):
        steps = [f"Step {number}: {step}" for number, step in enumerate(pair.steps, 1)]
        return {"question": pair.question, "options": None, "answer": "\n".join([*steps, f"Answer: {pair.answer}"])}
    return {"question": pair.question, "options": None, "answer": pair.answer}


def write_pairs(
    task: str, captions: pl.DataFrame, recipe: Recipe, ask: Ask[Any], granted: Mapping[str, int] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of the table `task` and `quarantine` rows, in the order of the captions.

    Only captions whose `task` is this one are asked about; each ends in exactly one of the two tables. `granted`:
    further drafts by caption_id.
    """
    prompt, settings = prompt_of(recipe, task), recipe.instructions.task(task)
    chosen = captions.filter(pl.col("task") == task)
    second = options_prompt(recipe) if task == "multiple_choice" else None
    if second is not None:
        choice = recipe.instructions.multiple_choice
        asked = [QuestionsRow(c["caption_id"], c["text"], prompt, choice) for c in chosen.iter_rows(named=True)]
        in_two_steps = partial(ask_in_two_steps, second=second, ask=ask)
        found = outcomes(asked, in_two_steps, settings.accept, granted, recipe.llm.max_row_tokens)
        return _tables(task, prompt, asked, found)
    rows = [
        PairsRow(row["caption_id"], row["text"], cast(TaskName, task), prompt, settings)
        for row in chosen.iter_rows(named=True)
    ]
    found = outcomes(rows, by_row(ask), settings.accept, granted, recipe.llm.max_row_tokens)
    return _tables(task, prompt, rows, found)


def _tables(
    task: str,
    prompt: Prompt,
    rows: Sequence[PairsRow | QuestionsRow],
    found: Mapping[str, Accepted[list[Pair]] | Quarantined],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    made: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for row in rows:
        outcome = found[row.row_id]
        if isinstance(outcome, Quarantined):
            refused.append(quarantine_row(task, row.row_id, row.row_id, outcome))
            continue
        pairs = [finish(pair, row.row_id) for pair in outcome.value]
        parts = [text for pair in pairs for text in (pair["question"], pair["answer"])]
        made.append(
            {
                "instruction_id": content_id("i", row.row_id, task, *parts),
                "caption_id": row.row_id,
                "pairs": pairs,
                **origin(outcome, prompt),
            }
        )
    return table(task, made), table("quarantine", refused)
