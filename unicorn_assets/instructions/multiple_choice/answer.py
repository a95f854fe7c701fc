"""The shape of a question with options.

The right answer is written before the wrong options and carries no letter: letters are given later, at random, so the
model's taste for certain letters cannot enter the data.
"""

from typing import Annotated

from pydantic import Field

from unicorn_assets.ids import rng_of
from unicorn_assets.instructions.answer import Pair, Text
from unicorn_assets.instructions.rules import Finished

LETTERS = "ABCD"


class ChoicePair(Pair):
    """A question with its right answer and three wrong options."""

    answer: Text
    wrong_options: Annotated[list[Text], Field(min_length=3, max_length=3)]


def finish(pair: ChoicePair, caption_id: str) -> Finished:
    """The options in random order, with the letter of the right one.

    The order is drawn from the caption's id and the question, each of the 24 orders alike, so letters balance over a
    table and no turn of a conversation tells the letter of another. Only the order changes, never a text.
    """
    options = [pair.answer, *pair.wrong_options]
    rng_of(caption_id, "options", pair.question).shuffle(options)
    return {"question": pair.question, "options": options, "answer": LETTERS[options.index(pair.answer)]}
