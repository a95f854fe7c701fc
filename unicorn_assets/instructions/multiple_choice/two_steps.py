"""Multiple choice in two requests, for small models: first questions with short answers, then wrong options for each.

A model of some hundred million parameters loses the question over the options; each step alone it manages more often.
Not here: the single request that larger models answer (stage.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field

from unicorn_assets.generation.prompt import Prompt, load_prompt
from unicorn_assets.generation.rounds import Ask, ExtraDraft
from unicorn_assets.generation.stage import FollowUp
from unicorn_assets.generation.structured import parse, schema_of
from unicorn_assets.ids import seed_of
from unicorn_assets.instructions.answer import FreePair, Model, Text, read, schema
from unicorn_assets.instructions.gates import free_fault, prose_fault_of, question_fault
from unicorn_assets.instructions.multiple_choice.answer import ChoicePair
from unicorn_assets.instructions.multiple_choice.gates import short_answer_fault
from unicorn_assets.instructions.rules import TwoSteps, rules_of
from unicorn_assets.llm.request import Answer, ChatRequest
from unicorn_assets.llm.row import Accepted, Quarantined, Rejected, Resume, unheard
from unicorn_assets.recipe import MultipleChoice, Recipe

MOST_QUESTIONS = 64
"""Of one answer; each costs a request."""


class WrongOptions(Model):
    """Answer of the second request."""

    wrong_options: Annotated[list[Text], Field(min_length=3, max_length=3)]


def two_steps(recipe: Recipe, first: Prompt) -> TwoSteps | None:
    """Both steps, `first` being the task's own prompt; None when the recipe asks for everything at once."""
    settings = cast(MultipleChoice, recipe.instructions.task("multiple_choice"))
    if settings.options_prompt is None:
        return None
    second = load_prompt(Path(__file__).parent, settings.options_prompt, recipe, {"question", "answer"}, {"caption"})

    def row(caption_id: str, caption: str) -> QuestionsRow:
        return QuestionsRow(caption_id, caption, first, settings)

    def attempt(ask: Ask) -> Any:
        return lambda rows: ask_in_two_steps(rows, second, ask)

    return TwoSteps(second, row, attempt, FollowUp(settings.gates.max_pairs, settings.options_sampling.max_tokens))


@cache
def _options_schema(max_answer_chars: int) -> dict[str, Any]:
    shape = schema_of(WrongOptions)
    shape["properties"]["wrong_options"]["items"]["maxLength"] = max_answer_chars
    return shape


@dataclass(frozen=True)
class QuestionsRow:
    """One caption in the first request."""

    row_id: str
    caption: str
    prompt: Prompt
    settings: MultipleChoice

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        """Questions with short answers about the caption."""
        return ChatRequest(
            messages=self.prompt.render({"caption": self.caption}, problem),
            sampling=self.settings.sampling,
            seed=seed_of("multiple_choice", self.caption, draft),
            schema=schema(FreePair, self.settings.gates),
            prompt_version=self.prompt.version,
        )

    def accept(self, text: str, on_repair: Callable[[], None] = unheard) -> list[FreePair]:
        """The questions whose answers pass the gates; raises Rejected when there are fewer than `min_pairs`."""
        gates = self.settings.gates
        good: dict[str, FreePair] = {}
        said = ""
        pairs, cut = read(FreePair, text, on_repair)
        for pair in pairs[:MOST_QUESTIONS]:
            fault = (
                short_answer_fault(pair, self.caption, gates)
                or prose_fault_of(pair, gates)
                or question_fault(pair.question, self.caption, gates)
                or free_fault(pair, self.caption, gates)
            )
            if fault is None:
                good.setdefault(pair.answer.lower(), pair)
            else:
                said += f" {fault.reason}: {fault.detail}"
        if len(good) < gates.min_pairs:
            reason = "cut_off" if cut else "too_few_pairs"
            raise Rejected(reason, f"{len(good)} good questions, {gates.min_pairs} needed.{said}")
        return list(good.values())


@dataclass(frozen=True)
class OptionsRow:
    """One question in the second request."""

    row_id: str
    caption: str
    pair: FreePair
    prompt: Prompt
    settings: MultipleChoice

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        """Three wrong options for the question."""
        values = {"question": self.pair.question, "answer": self.pair.answer, "caption": self.caption}
        return ChatRequest(
            messages=self.prompt.render(values, problem),
            sampling=self.settings.options_sampling,
            seed=seed_of("wrong_options", self.caption, self.pair.question, draft),
            schema=_options_schema(self.settings.gates.max_answer_chars),
            prompt_version=self.prompt.version,
        )

    def accept(self, text: str, on_repair: Callable[[], None] = unheard) -> ChoicePair:
        """The whole pair; raises Rejected."""
        wrong = parse(text, WrongOptions, on_repair).value.wrong_options
        pair = ChoicePair(question=self.pair.question, answer=self.pair.answer, wrong_options=wrong)
        fault = rules_of("multiple_choice").fault_of(pair, self.caption, self.settings.gates)
        if fault is not None:
            raise Rejected(*fault)
        return pair


def ask_in_two_steps(
    rows: Sequence[QuestionsRow | ExtraDraft], second: Prompt, ask: Ask
) -> dict[str, Accepted[Any] | Quarantined]:
    """Outcomes by caption id, as one request would give them: the pairs that passed both steps, or a refusal.

    An accepted outcome carries the first request's answer and the drafts of both steps. A row that failed in the second
    step goes on with new questions.
    """
    outcomes: dict[str, Accepted[Any] | Quarantined] = {outcome.row_id: outcome for outcome in ask(rows)}
    asked = [
        OptionsRow(f"{row.row_id}#{number}", _bare(row).caption, pair, second, _bare(row).settings)
        for row in rows
        if isinstance(found := outcomes[row.row_id], Accepted)
        for number, pair in enumerate(found.value)
    ]
    by_caption: dict[str, list[Accepted[Any] | Quarantined]] = defaultdict(list)
    finished = {outcome.row_id: outcome for outcome in ask(asked)}
    for option_row in asked:
        by_caption[option_row.row_id.partition("#")[0]].append(finished[option_row.row_id])
    for row in rows:
        if row.row_id in by_caption:
            first = cast("Accepted[Any]", outcomes[row.row_id])
            outcomes[row.row_id] = _joined(_bare(row), first, by_caption[row.row_id])
    return outcomes


def _bare(row: QuestionsRow | ExtraDraft) -> QuestionsRow:
    return cast("QuestionsRow", row.row) if isinstance(row, ExtraDraft) else row


def _joined(
    row: QuestionsRow, first: Accepted[Any], seconds: list[Accepted[Any] | Quarantined]
) -> Accepted[Any] | Quarantined:
    pairs = [outcome.value for outcome in seconds if isinstance(outcome, Accepted)]
    drafts = first.drafts + sum(outcome.drafts for outcome in seconds)
    tokens = first.tokens + sum(outcome.tokens for outcome in seconds)
    if len(pairs) >= row.settings.gates.min_pairs:
        return Accepted(row.row_id, pairs, first.answer, drafts, tokens)
    refused = [outcome for outcome in seconds if isinstance(outcome, Quarantined)]
    unanswered = any(outcome.resume is None for outcome in refused)  # then these options have to be asked again
    answer: Answer = first.answer
    return Quarantined(
        row_id=row.row_id,
        reason="no_options",
        detail="; ".join(f"{outcome.reason}: {outcome.detail}" for outcome in refused),
        raw_answer="\n".join([answer.text, *(outcome.raw_answer for outcome in refused)]),
        drafts=drafts,
        attempts=answer.attempts,
        model=answer.model,
        request_hash=answer.key,
        seconds=answer.seconds,
        tokens=tokens,
        resume=None if unanswered else Resume(first.drafts, None),
    )
