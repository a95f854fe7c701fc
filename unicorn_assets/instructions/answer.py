"""The JSON that a task's prompt asks for: its shape, its schema for the server, and reading it.

The right answer is written before the wrong options and carries no letter: letters are given later, at random, so the
model's taste for certain letters cannot enter the data. Not here: whether a pair is any good (gates.py).
"""

from __future__ import annotations

from copy import deepcopy
from itertools import permutations
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from unicorn_assets.curation.words import sentences
from unicorn_assets.llm.structured import parse, schema_of
from unicorn_assets.recipe import InstructionGates, ReasoningGates, TaskName
from unicorn_assets.text import visible, without_entities


def _plain(value: Any) -> Any:
    """A text as a person reads it, without entities and what nobody sees."""
    return visible(without_entities(value)) if isinstance(value, str) else value


Text = Annotated[str, Field(min_length=1, max_length=600), BeforeValidator(_plain)]


class Model(BaseModel):
    """A part of an answer. Unknown keys are ignored: they harm nothing."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)


class ChoicePair(Model):
    """A question with its right answer and three wrong options."""

    question: Text
    answer: Text
    wrong_options: Annotated[list[Text], Field(min_length=3, max_length=3)]


class FreePair(Model):
    """A question with an answer in free words."""

    question: Text
    answer: Text


class Problem(Model):
    """A problem, the steps of its solution in order, and the conclusion."""

    question: Text
    steps: Annotated[list[Text], Field(min_length=2, max_length=8)]
    answer: Text


class Choices(Model):
    """Answer of the task multiple_choice."""

    pairs: list[ChoicePair]


class Frees(Model):
    """Answer of the task question_answering."""

    pairs: list[FreePair]


class Problems(Model):
    """Answer of the task complex_reasoning."""

    pairs: list[Problem]


Pair = ChoicePair | FreePair | Problem
SHAPES: dict[TaskName, type[Choices] | type[Frees] | type[Problems]] = {
    "multiple_choice": Choices,
    "question_answering": Frees,
    "complex_reasoning": Problems,
}


_MOST_SENTENCES = 6  # keeps the list of sentence pairs, and with it the server's grammar, short


def schema(task: TaskName, gates: InstructionGates, caption: str) -> dict[str, Any]:
    """The JSON schema of `task` with the recipe's numbers of pairs, steps and characters; sent to the server.

    With `gates.extractive` the steps of a solution must be two different sentences of the caption: a small model then
    chooses instead of inventing.
    """
    found = deepcopy(schema_of(SHAPES[task]))
    found["properties"]["pairs"] |= {"minItems": gates.min_asked or gates.min_pairs, "maxItems": gates.max_pairs}
    (pair,) = found["$defs"].values()
    fields = pair["properties"]
    fields["question"]["maxLength"] = gates.max_question_chars
    fields["answer"]["maxLength"] = gates.max_answer_chars
    for name in fields.keys() & {"steps", "wrong_options"}:
        fields[name]["items"]["maxLength"] = gates.max_answer_chars
    if isinstance(gates, ReasoningGates):
        fields["steps"]["maxItems"] = gates.max_steps
    if gates.extractive and task == "complex_reasoning":
        said = list(dict.fromkeys(sentences(caption)))[:_MOST_SENTENCES]
        if len(said) > 1:
            fields["steps"] = {"enum": [list(steps) for steps in permutations(said, 2)]}
    return found


def read(task: TaskName, answer: str) -> tuple[list[Pair], bool]:
    """The pairs in a model's answer, and whether it was cut off behind them; raises Rejected (not_json,
    schema_mismatch, cut_off).
    """
    found = parse(answer, SHAPES[task])
    return list(found.value.pairs), found.cut
