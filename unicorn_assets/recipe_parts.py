"""What sections of a recipe are made of, and the sections of further looks at pairs: blind and judge.

Not here: the recipe itself and its other sections (recipe.py).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from unicorn_assets.llm.settings import Budget, Sampling

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")]
Share = Annotated[float, Field(ge=0, le=1)]
BlindTask = Literal["multiple_choice", "question_answering"]
Mark = Annotated[int, Field(ge=1, le=5)]


class Section(BaseModel):
    """A part of a recipe: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Blind(Section):
    """Pairs whose answer the LLM gives without the caption are refused (`answerable_blind`): docs/gates.md."""

    tasks: tuple[BlindTask, ...] = ("multiple_choice", "question_answering")  # whose questions are asked blind
    trials: Annotated[int, Field(ge=1, le=4)] = 2  # orders of the options; refused when all are answered rightly
    min_overlap: Share = 0.75  # of the words of a free answer that a blind one must have to be the same
    choice_prompt: str = "blind_choice"  # or the path of your own .md file with {question} and {options}
    free_prompt: str = "blind_free"  # or the path of your own .md file with {question}
    sampling: Sampling = Sampling(temperature=0, max_tokens=60)


class JudgeBudget(Budget):
    """What all runs over a lake may ask the judge; `llm.budget` counts it too. Pairs beyond are kept without a look."""


class Judge(Section):
    """The LLM marks each pair from 1 to 5 on four axes; below a least mark it is refused (`judged_poor`)."""

    prompt: str = "judge"  # or the path of your own .md file with {caption}, {question} and {answer}
    min_relevance: Mark = 3  # the answer answers the question
    min_image_correspondence: Mark = 3  # question and answer agree with the caption
    min_visual_dependency: Mark = 3  # one has to see the picture to answer
    min_formatting: Mark = 3  # whole, plain, without marks
    max_calls: Annotated[int, Field(ge=1)] | None = None  # of a shard and task; pairs beyond are kept without a look
    budget: JudgeBudget | None = None  # usd, tokens or calls of the judge over all runs; beyond it the run goes on
    sampling: Sampling = Sampling(temperature=0, max_tokens=80)
