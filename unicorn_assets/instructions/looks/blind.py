"""The blind look: a question whose answer the LLM gives without the caption teaches nothing about pictures.

A choice is asked in several orders of its options, the right one at another letter in each, so that a model which
likes a letter is not taken for one that knows. A free answer is asked once. Not here: what is asked of other looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from unicorn_assets.curation.words import content_set, share_in
from unicorn_assets.generation.prompt import Prompt, load_prompt
from unicorn_assets.generation.stage import FollowUp
from unicorn_assets.generation.structured import parse, schema_of
from unicorn_assets.ids import rng_of, seed_of
from unicorn_assets.instructions.answer import Model
from unicorn_assets.instructions.support import LIGHT
from unicorn_assets.llm.request import ChatRequest, Schema
from unicorn_assets.llm.row import Rejected
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_parts import Blind

LETTERS = "ABCD"


class BlindLetter(Model):
    """Answer to a question with options."""

    answer: Literal["A", "B", "C", "D"]


class BlindWords(Model):
    """Answer to a question without options."""

    answer: str


_SHAPES: dict[type[Model], Schema] = {shape: schema_of(shape) for shape in (BlindLetter, BlindWords)}


def blind_look(recipe: Recipe, task: str) -> BlindLook | None:
    """The look at a task's pairs; None when the recipe does not want it."""
    blind = recipe.instructions.blind
    if blind is None or task not in blind.tasks:
        return None
    choice = task == "multiple_choice"
    name, needs = (blind.choice_prompt, {"question", "options"}) if choice else (blind.free_prompt, {"question"})
    prompt = load_prompt(Path(__file__).parent, name, recipe, needs, set())
    return BlindLook(prompt, blind, recipe.instructions.task(task).gates.max_pairs, choice)


@dataclass(frozen=True)
class BlindLook:
    """A Look (generation/looking.py)."""

    prompt: Prompt
    blind: Blind
    max_pairs: int
    choice: bool
    name: str = "blind"
    reason: str = "answerable_blind"

    @property
    def follow_up(self) -> FollowUp:
        """One request for each order of each pair's options."""
        return FollowUp(self.max_pairs * (self.blind.trials if self.choice else 1), self.blind.sampling.max_tokens)

    def marks(self) -> list[Any]:
        """Prompt and settings."""
        return [self.name, self.prompt.version, self.blind.model_dump(mode="json")]

    def questions(self, row: Any, part: Any) -> Sequence[tuple[ChatRequest, Callable[[str], Any]]]:
        """The question alone, or with its options in each order; an answer is read as words, or as the option."""
        if not self.choice:
            return [(self._request({"question": part.question}, BlindWords, 0), partial(_said, shape=BlindWords))]
        return [
            (
                self._request({"question": part.question, "options": lettered(options)}, BlindLetter, trial),
                partial(_option, options=options),
            )
            for trial, options in enumerate(orders(row.row_id, part, self.blind.trials))
        ]

    def fault(self, row: Any, part: Any, answers: Sequence[Any]) -> str | None:  # noqa: ARG002
        """Whether every blind answer is the pair's own."""
        right = [same_answer(answer, part, self.blind.min_overlap, choice=self.choice) for answer in answers]
        if not all(right):
            return None
        return f"{part.question!r} is answered without the caption: {', '.join(map(str, answers))}."

    def _request(self, values: dict[str, str], shape: type[Model], trial: int) -> ChatRequest:
        return ChatRequest(
            messages=self.prompt.render(values),
            sampling=self.blind.sampling,
            seed=seed_of("blind", *values.values(), trial),
            schema=_SHAPES[shape],
            prompt_version=self.prompt.version,
        )


def orders(row_id: str, part: Any, trials: int) -> list[list[str]]:
    """Orders of a pair's options, drawn by the row's id: each next one turned on, so that the right one moves."""
    options = [part.answer, *part.wrong_options]
    rng_of(row_id, "blind", part.question).shuffle(options)
    step = max(1, len(options) // trials)
    return [options[step * trial :] + options[: step * trial] for trial in range(trials)]


def lettered(options: Sequence[str]) -> str:
    """Options as lines 'A: ...' to 'D: ...'."""
    return "\n".join(f"{letter}: {option}" for letter, option in zip(LETTERS, options, strict=True))


def same_answer(answer: str | None, part: Any, min_overlap: float, *, choice: bool) -> bool:
    """Whether a blind answer is the pair's: the same option, or as much of its words that the question has not."""
    if answer is None:
        return False
    if choice:
        return bool(answer == part.answer)
    own = content_set(part.answer) - content_set(part.question) - LIGHT
    return bool(own) and share_in(own, content_set(answer)) >= min_overlap


def _said(text: str, shape: type[Any]) -> str | None:
    try:
        return str(parse(text, shape).value.answer)
    except Rejected:
        return None


def _option(text: str, options: Sequence[str]) -> str | None:
    letter = _said(text, BlindLetter)
    return None if letter is None else options[LETTERS.index(letter)]
