"""The shape of a problem, and its schema.

With `gates.extractive` the steps of a solution must be two different sentences of the caption: a small model then
chooses instead of inventing.
"""

from itertools import permutations
from typing import Annotated

from pydantic import Field

from unicorn_assets.curation.words import sentences
from unicorn_assets.instructions.answer import Fields, Pair, Text
from unicorn_assets.recipe import ReasoningGates

_MOST_SENTENCES = 6  # keeps the list of sentence pairs, and with it the server's grammar, short


class Problem(Pair):
    """A problem, the steps of its solution in order, and the conclusion."""

    steps: Annotated[list[Text], Field(min_length=2, max_length=8)]
    answer: Text


def limit(fields: Fields, gates: ReasoningGates) -> None:
    """The recipe's number of steps."""
    fields["steps"]["maxItems"] = gates.max_steps


def by_caption(gates: ReasoningGates, caption: str) -> Fields:
    """The sentences that an extractive solution may choose from."""
    said = list(dict.fromkeys(sentences(caption)))[:_MOST_SENTENCES] if gates.extractive else []
    return {"steps": {"enum": [list(steps) for steps in permutations(said, 2)]}} if len(said) > 1 else {}
