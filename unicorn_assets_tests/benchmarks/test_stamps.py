"""What the benchmark on stamps adds up: halves, recall, and moves of other papers that give unit rows."""

import importlib
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    for folder in ("stamps", "probe"):
        monkeypatch.syspath_prepend(str(BENCHMARKS / folder))
    return importlib.import_module


def test_recall_counts_the_own_caption_among_the_gallery_and_ties_against_it(load) -> None:
    pictures = load("pictures")
    scores = np.array([[0.9, 0.1, 0.5], [0.9, 0.2, 0.2], [0.0, 0.0, 1.0]])
    caption_of, every = np.array([0, 1, 2]), np.arange(3)
    assert pictures.recalls(every, scores, caption_of, every)["recall_1"] == pytest.approx(66.7)
    assert pictures.recalls(np.array([1]), scores, caption_of, np.array([1, 2]))["recall_1"] == 0, "a tie"
    halves = [pictures.is_held(f"{number}.png") for number in range(400)]
    assert 150 < sum(halves) < 250


def test_moves_of_other_papers_bring_texts_to_images(load) -> None:
    foreign, rng = load("foreign"), np.random.default_rng(0)
    thing = rng.normal(size=(80, 12))
    text, image = (foreign._unit(thing + 0.1 * rng.normal(size=thing.shape) + shift) for shift in (0.0, 1.5))
    for made in (foreign.transported(text, image), foreign.spectral(text, image), foreign.textme(text, image, text, 0)):
        moved, seen = made[0](text), made[1](image)
        assert np.abs(np.linalg.norm(moved, axis=1) - 1).max() < 1e-5
        found = (moved @ seen.T).argmax(axis=1) == np.arange(80)
        assert np.mean(found) > 0.3, "chance is one in eighty"
