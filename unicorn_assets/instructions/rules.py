"""What makes a task: the shape of a pair, the gates on it, and how it is kept. Each task's folder has its own RULES."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from unicorn_assets.curation.prose import Fault
from unicorn_assets.generation.prompt import Prompt
from unicorn_assets.generation.rounds import Ask, Attempt
from unicorn_assets.generation.stage import FollowUp
from unicorn_assets.instructions.answer import Fields, FreePair, Pair
from unicorn_assets.instructions.gates import free_fault, prose_fault_of, question_fault
from unicorn_assets.llm.row import Draftable
from unicorn_assets.recipe import InstructionGates, Recipe

Finished = dict[str, Any]
"""A pair as the tables keep it: question, options (four texts, or null), answer (a letter A-D, or text)."""


@dataclass(frozen=True)
class TwoSteps:
    """A task that asks twice: `row(caption_id, caption)` makes the first request, `attempt` does both steps, the second
    one with the prompt `second`.
    """

    second: Prompt
    row: Callable[[str, str], Draftable[Any]]
    attempt: Callable[[Ask], Attempt]
    follow_up: FollowUp


def as_it_is(pair: Any, caption_id: str) -> Finished:  # noqa: ARG001 - other tasks draw by it
    """Question and answer, word by word."""
    return {"question": pair.question, "options": None, "answer": pair.answer}


def _nothing(gates: Any, caption: str) -> Fields:  # noqa: ARG001
    return {}


@dataclass(frozen=True)
class Rules:
    """`pair`: what one pair of an answer looks like. `fault`: what is wrong with one, besides its question.
    `form`: what is wrong with it whatever it says. `finish(pair, caption_id)`: the pair as the table keeps it.
    `limit(fields, gates)` and `by_caption(gates, caption)`: what the schema says more. `two_steps`: for recipes that
    ask twice, else None.
    """

    pair: type[Pair] = FreePair
    fault: Callable[[Any, str, Any], Fault | None] = free_fault
    form: Callable[[Any, Any], Fault | None] = lambda _pair, _gates: None
    finish: Callable[[Any, str], Finished] = as_it_is
    limit: Callable[[Fields, Any], None] | None = None
    by_caption: Callable[[Any, str], Fields] = _nothing
    two_steps: Callable[[Recipe, Prompt], TwoSteps | None] = lambda _recipe, _prompt: None

    def fault_of(self, pair: Any, caption: str, gates: InstructionGates) -> Fault | None:
        """What is wrong with a pair, or None."""
        return (
            self.form(pair, gates)
            or prose_fault_of(pair, gates)
            or question_fault(pair.question, caption, gates)
            or self.fault(pair, caption, gates)
        )


def rules_of(task: str) -> Rules:
    """The rules in the folder of the task's name."""
    rules: Rules = import_module(f"{__package__}.{task}").RULES
    return rules
