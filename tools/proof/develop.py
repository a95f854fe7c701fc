"""Which learning rates: trained on `none`, the model is asked about text of another wording. No picture is seen.

    python -m tools.proof.develop --rates 1e-3,1e-4 2e-3,1e-4

On the group travel-places, which the CPU size leaves out; docs/proof.md says which rates were tried.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tools.pocket.captions import evaluation_captions
from tools.pocket.concepts import read_concepts
from tools.proof.data import HOME, releases_of
from tools.proof.questions import questions
from tools.proof.run import Job, answers
from tools.proof.size import SIZES
from tools.proof.vectors import captions_of
from unicorn_assets.encoders.pocket.encoder import PocketEncoder

GROUP, SEED = "travel-places", 100
T = TypeVar("T")


def main() -> None:
    """Train with each pair of rates, and print accuracy in the text's own space."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", nargs="+", required=True, help="of stage 1 and 2, a comma between")
    parser.add_argument("--epochs", default="8,4")
    parser.add_argument("--asked", type=int, default=100)
    given = parser.parse_args()
    size = replace(SIZES["cpu"], groups=(GROUP,), epochs=_pair(given.epochs, int), asked=given.asked)
    concepts = [concept for concept in read_concepts(HOME / "pocket-art" / "node_modules") if concept.group == GROUP]
    folder = HOME / "proof" / "develop"
    releases, concept_of = releases_of(size, folder, concepts)
    records = captions_of(releases.of("none"))
    trained = {concept_of[caption] for caption in records.values()}
    asked = [one for one in questions(concepts, trained, trained, size.asked) if one.part == "trained"]
    by_code = {concept.hexcode: concept for concept in concepts}
    reworded = [evaluation_captions(by_code[question.concept])["caption"] for question in asked]
    vectors = PocketEncoder("wide").encode_texts(reworded)
    for rates in given.rates:
        one = replace(size, rates=_pair(rates, float))
        job = Job(one, "none", SEED, HOME / "proof" / "smollm2", releases.of("none"), records, asked, vectors, (), 1)
        found = answers([job], Path(folder, f"answers-{one.key}"), 1)[job.name]
        right = 100 * sum(found["right"]) / len(asked)
        print(f"{rates}: {right:.1f} % right, losses {found['losses']}, {found['cpu_seconds']:.0f} CPU s")


def _pair(text: str, of: Callable[[str], T]) -> tuple[T, T]:
    first, second = map(of, text.split(","))
    return first, second


if __name__ == "__main__":
    main()
