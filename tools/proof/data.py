"""What the answers need: releases of the size's concepts, questions, pictures; all made when they are missing."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tools.pocket.concepts import Concept
from tools.proof.pictures import held_out_pictures, other_pictures
from tools.proof.questions import Question, questions
from tools.proof.releases import Releases
from tools.proof.run import Job
from tools.proof.size import CONDITIONS, Size
from tools.proof.vectors import Rows, captions_of, pictures_of
from tools.proof.written import seeds_of

HOME = Path(os.environ.get("UNICORN_HOME", ".unicorn"))


def jobs_of(size: Size, everything: Sequence[Concept], art: Path, folder: Path, llm: Path) -> list[Job]:
    """Every condition and seed; makes the data that are missing. All conditions of a seed, then the next seed."""
    concepts = [concept for concept in everything if concept.group in size.groups]
    releases, concept_of = releases_of(size, folder, concepts)
    records = captions_of(releases.of(size.methods[0]))
    trained = {concept_of[caption] for caption in records.values()}
    wanted = trained | {concept.hexcode for concept in concepts if concept.held_out}
    held_out = held_out_pictures(art, folder / "pictures", wanted)
    pictured = {file.stem for file in held_out.iterdir()}
    asked = questions(concepts, pictured, trained, size.asked)
    seen = {method: _asked(releases.pictures(method, "pictures", held_out), asked) for method in size.methods}
    others: list[list[Rows]] = []
    if "real_images" in size.conditions:
        found = pictures_of(
            releases.pictures("none", "others", other_pictures(art, folder / "others", everything, trained))
        )
        nothing = [np.zeros_like(next(iter(seen.values()))[0])]  # for the few that no other vendor has drawn
        others = [found.get(concept_of[caption], nothing) for caption in records.values()]
    return [
        Job(f"{name}-{seed}", size, name, seed, llm, releases.of(method), records, asked, seen[method],
            others if CONDITIONS[name].vectors == "pictures" else ())
        for seed in range(size.seeds)
        for name in size.conditions
        for method in [CONDITIONS[name].method]
    ]  # fmt: skip


def releases_of(size: Size, folder: Path, concepts: Sequence[Concept]) -> tuple[Releases, dict[str, str]]:
    """The releases, and the concept of each caption."""
    written: dict[str, str] = {}
    groups: dict[str, str] = {}
    concept_of: dict[str, str] = {}
    for concept in concepts:
        if not concept.held_out:
            for seed, caption in seeds_of(concept, size.descriptions).items():
                written[seed], groups[seed] = caption, concept.group
                concept_of.setdefault(caption, concept.hexcode)
    return Releases(folder, written, groups), concept_of


def _asked(file: Path, asked: list[Question]) -> Rows:
    found = pictures_of(file)
    return np.stack([found[question.concept][0] for question in asked])
