"""Which pictures are asked about, and with which four captions. Both follow from the concepts alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tools.pocket.concepts import Concept
from tools.proof.written import sentence
from unicorn_assets.ids import rng_of

WRONG = 3


@dataclass(frozen=True)
class Question:
    """A picture of the held-out vendor, by its concept, and four captions, the right one first."""

    concept: str  # its hexcode
    family: str
    part: Literal["trained", "held_out"]
    captions: tuple[str, ...]


def questions(concepts: Sequence[Concept], pictured: set[str], trained: set[str], asked: int | None) -> list[Question]:
    """One question for each concept in `pictured`; at most `asked` of those in `trained`, chosen by a hash.

    Concepts that are neither held out nor trained (a gate refused their caption) are left out.
    """
    parts = {
        "trained": [concept for concept in concepts if concept.hexcode in trained],
        "held_out": [concept for concept in concepts if concept.held_out],
    }
    found: list[Question] = []
    for part, members in parts.items():
        shown = [concept for concept in members if concept.hexcode in pictured]
        if part == "trained":
            shown = sorted(shown, key=lambda concept: rng_of(concept.hexcode, "asked").random())[:asked]
        found += [_question(concept, members, part) for concept in shown]  # type: ignore[arg-type]
    return found


def _question(concept: Concept, members: Sequence[Concept], part: Literal["trained", "held_out"]) -> Question:
    others = [one for one in members if one.group == concept.group and one.family != concept.family]
    wrong = rng_of(concept.hexcode, "wrong").sample(others, WRONG)
    return Question(concept.hexcode, concept.family, part, (sentence(concept), *map(sentence, wrong)))
