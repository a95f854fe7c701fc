"""Which learning rates: trained on `none`, the model is asked about text of another wording. No picture is seen.

On the labels of a group that the CPU size leaves out. The pair of rates with most right answers holds for all
conditions; of equals the first.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tools.pocket.captions import evaluation_captions
from tools.pocket.concepts import Concept
from tools.proof.data import releases_of
from tools.proof.questions import questions
from tools.proof.run import Job, answers
from tools.proof.size import RATES, Size
from tools.proof.vectors import captions_of

GROUP, SEED, EPOCHS, ASKED = "travel-places", 100, (4, 2), 100


def developed(
    size: Size, concepts: Sequence[Concept], home: Path, llm: Path, workers: int
) -> dict[str, dict[str, Any]]:
    """Answers about text by pair of rates, such as "0.001-5e-05"; kept below `home`."""
    from unicorn_assets.encoders.pocket.encoder import PocketEncoder

    group = [concept for concept in concepts if concept.group == GROUP]
    size = replace(size, groups=(GROUP,), descriptions=False, epochs=EPOCHS, asked=ASKED)
    folder = home / "develop"
    releases, concept_of = releases_of(size, folder, group)
    records = captions_of(releases.of("none"))
    trained = {concept_of[caption] for caption in records.values()}
    asked = [one for one in questions(group, trained, trained, size.asked) if one.part == "trained"]
    by_code = {concept.hexcode: concept for concept in group}
    reworded = [evaluation_captions(by_code[question.concept])["caption"] for question in asked]
    vectors = PocketEncoder("wide").encode_texts(reworded)
    jobs = [
        Job(f"{rates[0]:g}-{rates[1]:g}", replace(size, rates=rates), "none", SEED, llm, releases.of("none"), records,
            asked, vectors, ())
        for rates in RATES
    ]  # fmt: skip
    return answers(jobs, folder / f"answers-{size.key}", workers)


def chosen(found: dict[str, dict[str, Any]]) -> tuple[float, float]:
    """The rates of most right answers."""
    best = max(found, key=lambda name: sum(found[name]["right"]))
    return RATES[list(found).index(best)]
