"""The judge: the LLM marks each pair from 1 to 5 on four axes, and one below a least mark of the recipe is refused.

How far its marks agree with rows whose verdict is known has to be measured for each model (benchmarks/looks.py): a
small one is no judge. Not here: rules that need no model (the gates).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from unicorn_assets.generation.prompt import Prompt, load_prompt
from unicorn_assets.generation.stage import FollowUp
from unicorn_assets.generation.structured import parse, schema_of
from unicorn_assets.ids import seed_of
from unicorn_assets.instructions.answer import Model
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Rejected
from unicorn_assets.llm.settings import OwnBudget
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_parts import Judge

Marked = Literal[1, 2, 3, 4, 5]
AXES = ("relevance", "image_correspondence", "visual_dependency", "formatting")


class Marks(Model):
    """What the judge gives a pair."""

    relevance: Marked
    image_correspondence: Marked
    visual_dependency: Marked
    formatting: Marked


_SHAPE = schema_of(Marks)


def judge_look(recipe: Recipe, task: str) -> JudgeLook | None:
    """The look at a task's pairs; None when the recipe does not want it."""
    judge = recipe.instructions.judge
    if judge is None:
        return None
    prompt = load_prompt(Path(__file__).parent, judge.prompt, recipe, {"caption", "question", "answer"}, set())
    return JudgeLook(prompt, judge, recipe.instructions.task(task).gates.max_pairs)


@dataclass(frozen=True)
class JudgeLook:
    """A Look (generation/looking.py)."""

    prompt: Prompt
    judge: Judge
    max_pairs: int
    name: str = "judge"
    reason: str = "judged_poor"

    @property
    def follow_up(self) -> FollowUp:
        """One request for each pair."""
        budget = self.judge.budget
        own = OwnBudget(self.name, budget) if budget is not None else None
        return FollowUp(self.max_pairs, self.judge.sampling.max_tokens, self.judge.max_calls, own)

    def marks(self) -> list[Any]:
        """Prompt and settings. Not the budget: with another one nothing that was made is made again."""
        return [self.name, self.prompt.version, self.judge.model_dump(mode="json", exclude={"budget"})]

    def questions(self, row: Any, part: Any) -> Sequence[tuple[ChatRequest, Callable[[str], Any]]]:
        """The whole pair beside its caption."""
        values = {"caption": row.caption, "question": part.question, "answer": answer_text(part)}
        request = ChatRequest(
            messages=self.prompt.render(values),
            sampling=self.judge.sampling,
            seed=seed_of("judge", *values.values()),
            schema=_SHAPE,
            prompt_version=self.prompt.version,
        )
        return [(request, marks_in)]

    def fault(self, row: Any, part: Any, answers: Sequence[Any]) -> str | None:  # noqa: ARG002
        """The axes below their least marks; a judge who gave none says nothing against a pair."""
        (marks,) = answers
        low = [axis for axis in AXES if marks is not None and marks[axis] < getattr(self.judge, f"min_{axis}")]
        said = ", ".join(f"{axis.replace('_', ' ')} {marks[axis]}" for axis in low)
        return f"{part.question!r} got {said} of 5." if low else None


def answer_text(part: Any) -> str:
    """The answer as the judge reads it: with the wrong options, or below its steps."""
    wrong, steps = getattr(part, "wrong_options", ()), getattr(part, "steps", ())
    lines = [f"Step {number}: {step}" for number, step in enumerate(steps, 1)]
    lines += [f"{part.answer} (wrong options: {'; '.join(wrong)})" if wrong else part.answer]
    return "\n".join(lines)


def marks_in(text: str) -> dict[str, int] | None:
    """The marks by axis; None when the answer has none."""
    try:
        return parse(text, Marks).value.model_dump()
    except Rejected:
        return None
