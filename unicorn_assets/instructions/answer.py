"""The JSON that a task's prompt asks for: its shape, its schema for the server, and reading it.

A task gives the shape of one pair (its folder's answer.py); an answer is an object with `pairs`. Not here: whether a
pair is any good (gates.py).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache, lru_cache
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from unicorn_assets.generation.structured import parse, schema_of
from unicorn_assets.llm.row import unheard
from unicorn_assets.recipe import InstructionGates
from unicorn_assets.text import visible, without_entities


def _plain(value: Any) -> Any:
    """A text as a person reads it, without entities and what nobody sees."""
    return visible(without_entities(value)) if isinstance(value, str) else value


Text = Annotated[str, Field(min_length=1, max_length=600), BeforeValidator(_plain)]


class Model(BaseModel):
    """A part of an answer. Unknown keys are ignored: they harm nothing."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)


class Pair(Model):
    """What the pairs of all tasks have."""

    question: Text


class FreePair(Pair):
    """A question with an answer in free words."""

    answer: Text


P = TypeVar("P", bound=Pair)
Fields = dict[str, Any]  # the JSON schema of a pair's fields, by name


class Pairs(Model, Generic[P]):
    """The answer of every task."""

    pairs: list[P]


@cache
def answer_model(pair: type[Pair]) -> type[Pairs[Any]]:
    """The model of an answer with such pairs."""
    return Pairs[pair]  # type: ignore[valid-type]


@lru_cache(64)
def schema(
    pair: type[Pair], gates: InstructionGates, limit: Callable[[Fields, Any], None] | None = None
) -> dict[str, Any]:
    """The JSON schema of an answer with the recipe's numbers of pairs and characters; nobody may change it.

    `limit` may set more, by the task's own gates. Building one costs a millisecond, so that equal ones are one object.
    """
    found = schema_of(answer_model(pair))
    found["properties"]["pairs"] |= {"minItems": gates.asked, "maxItems": gates.max_pairs}
    fields = fields_of(found)
    fields["question"]["maxLength"] = gates.max_question_chars
    fields["answer"]["maxLength"] = gates.max_answer_chars
    for field in fields.values():
        if "items" in field:
            field["items"]["maxLength"] = gates.max_answer_chars
    if limit is not None:
        limit(fields, gates)
    return found


def with_fields(found: dict[str, Any], more: Fields) -> dict[str, Any]:
    """`found` with some fields of its pairs replaced."""
    if not more:
        return found
    own = deepcopy(found)
    fields_of(own).update(more)
    return own


def fields_of(found: dict[str, Any]) -> Fields:
    """The fields of a pair in the schema of an answer."""
    (pair,) = found["$defs"].values()
    fields: Fields = pair["properties"]
    return fields


def read(pair: type[P], answer: str, on_repair: Callable[[], None] = unheard) -> tuple[list[P], bool]:
    """The pairs in a model's answer, and whether it was cut off behind them; raises Rejected (not_json,
    schema_mismatch, cut_off).
    """
    found = parse(answer, answer_model(pair), on_repair)
    return list(found.value.pairs), found.cut
