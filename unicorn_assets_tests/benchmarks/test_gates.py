"""The gates against rows whose verdict is known. Floors are what was measured; docs/gates.md has the figures."""

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GATES = runpy.run_path(str(ROOT / "benchmarks" / "gates.py"))
LABELLED = ROOT / "unicorn_assets_tests" / "labelled"
FILES = sorted(LABELLED.glob("*/*.jsonl"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_rows_are_whole_and_known_by_one_name(path: Path):
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert rows
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert ("text" in row and "seed" in row) if row["stage"] == "caption" else ("pair" in row and row["caption"])
        assert (row["label"] == "bad") == bool(row.get("reasons"))
        assert bool(row.get("why")) or row["label"] == "good" or path.stem.startswith("blind")


@pytest.mark.parametrize(
    ("half", "what", "floor"),
    [
        ("tune", "good_captions_pass", 0.97),
        ("tune", "good_pairs_pass", 0.95),
        ("tune", "planted_faults_refused", 0.9),
        ("held", "good_captions_pass", 0.92),
        ("held", "good_pairs_pass", 0.9),
        ("held", "planted_faults_refused", 0.77),
    ],
)
def test_shares_do_not_fall(quality, half: str, what: str, floor: float):
    assert quality[half]["shares"][what]["share"] >= floor


@pytest.fixture(scope="module")
def quality():
    return {half: GATES["quality"](half) for half in ("tune", "held")}


@pytest.mark.parametrize("profile", ["strong", "small"])
@pytest.mark.parametrize(
    "sentence",
    [
        "A leather saddle hangs over the rail beside 1000 tickets and a jersey with the number 111.",
        "A wind turbine turns above a mountain range, and a life jacket lies on the deck.",
        "A world map hangs behind a classic car, and a shot glass stands on a stone wall.",
        "A woman in a blue kimono wears a silver comb.",
    ],
)
def test_words_that_were_refused_by_mistake_pass(profile: str, sentence: str):
    rest = " Two grey cups stand on a low table next to the window. Tall grass grows along a path of flat stones."
    text = (
        sentence
        + rest
        + " A boy with a net kneels at the edge of a pond and looks at three carp." * (profile == "strong")
    )
    row = {"stage": "caption", "seed": sentence, "text": text}
    recipe = GATES["RECIPES"][profile]
    loose = recipe.captions.gates.model_copy(update={"min_words": 10, "max_sentences": 9})
    assert GATES["caption_of"](text, row["seed"], loose, frozenset()) == text
