"""The probe of benchmarks/transfer_quality.py on synthetic vectors whose answer is known, and what it may look at."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tools.pocket.captions import SENTENCES, fill
from tools.pocket.concepts import Concept
from tools.pocket.pictures import HELD_OUT_VENDOR, Pictures
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

FOLDER = Path(__file__).parents[2] / "benchmarks" / "probe"
NAMES = ("material", "methods", "probe", "table")
GROUPS = ("animals-nature", "food-drink", "objects")
DIMENSION, CAPTIONS = 16, 6


@pytest.fixture(scope="module")
def bench() -> Iterator[dict[str, ModuleType]]:
    """The benchmark's modules, which import each other by bare names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        import material
        import methods
        import probe
        import table

        yield {"material": material, "methods": methods, "probe": probe, "table": table}
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def world(bench: dict[str, ModuleType]) -> Any:
    """270 concepts in families of three, each drawn by a vendor of the training and by the held-out one."""
    concepts = [
        Concept(f"{i:x}", f"thing {i}", ("some", "tag"), GROUPS[i // 3 % 3], "", f"family {i // 3}") for i in range(270)
    ]
    shown = np.repeat(np.arange(len(concepts)), 2)
    vendor = np.array(["google", HELD_OUT_VENDOR] * len(concepts))
    return bench["material"].World(Path(), concepts, Pictures(np.zeros((0, 64, 64, 4), np.uint8), shown, vendor))


@pytest.fixture(scope="module")
def material(bench: dict[str, ModuleType], world: Any) -> Any:
    """Two views of each concept; its texts are those of the image side plus one constant, along what tells groups."""
    rng = np.random.default_rng(0)
    centres = np.linalg.qr(rng.normal(size=(DIMENSION, DIMENSION)))[0][: len(GROUPS)]
    thing = centres[world.labels] + 0.15 * rng.normal(size=(len(world.concepts), DIMENSION))
    image = np.repeat(thing, 2, axis=0) + 0.05 * rng.normal(size=(2 * len(thing), DIMENSION))
    shift = 2 * (centres[1] - centres[0])  # texts of the first group come to lie on the second's side
    text = thing[:, None] + shift + 0.05 * rng.normal(size=(len(thing), CAPTIONS, DIMENSION))
    text[world.held_out] = np.nan
    sides = [(side / np.linalg.norm(side, axis=-1, keepdims=True)).astype(np.float32) for side in (text, image)]
    pictures = world.pictures
    new = pictures.vendor == HELD_OUT_VENDOR
    return bench["material"].Material(Space("synthetic", "0", DIMENSION), 1.0, *sides, pictures.concept, new)


def test_removing_a_constant_shift_recovers_what_real_images_reach(
    bench: dict[str, ModuleType], world: Any, material: Any
) -> None:
    image = Statistics(material.space, covariance=True)
    image.add(material.image[~material.new_vendor & ~world.held_out[material.image_concept]])
    part = bench["methods"]._Fold(world, material, 0)
    real = part.real_images(0)
    found = {method: part.transferred(method, 1.0, image, 0) for method in ("none", "mean_shift")}
    for test in bench["methods"].TEST_SETS:
        assert real[test] > 90
        assert found["mean_shift"][test] > real[test] - 5
        assert found["none"][test] < real[test] - 10, "a probe that ignores the shift would make the benchmark blind"
    assert found["none"]["text_validation"] > 80, "it did learn its texts"


def test_no_family_is_on_two_sides_of_a_fold(bench: dict[str, ModuleType], world: Any, material: Any) -> None:
    families = np.array([concept.family for concept in world.concepts])
    asked_about: list[int] = []
    for fold in range(bench["material"].FOLDS):
        part = bench["methods"]._Fold(world, material, fold)
        sides = [part.train, part.validation, *part.asked.values()]
        assert all(len(side) for side in sides)
        assert sum(len(set(families[side])) for side in sides) == len(set(families[np.concatenate(sides)]))
        assert not world.held_out[np.concatenate([part.train, part.validation])].any()
        asked_about += part.asked["held_out_vendor"].tolist()
    assert sorted(asked_about) == np.flatnonzero(~world.held_out).tolist(), "each trained concept is asked about once"


def test_captions_of_the_probe_are_no_sentences(bench: dict[str, ModuleType]) -> None:
    flower = Concept("1f33c", "blossom", ("flower", "yellow"), "animals-nature", "plant-flower", "blossom")
    captions = bench["material"].plain_captions(flower)
    assert len(captions) == bench["material"].CAPTIONS == CAPTIONS

    class First:
        """Draws nothing at random, so that only the words around the gaps are compared."""

        sample = staticmethod(lambda items, count: list(items)[:count])
        randint = staticmethod(lambda low, high: low)

    sentences = {fill(template, flower, First()).split(" blossom")[0] for template in SENTENCES}  # type: ignore[arg-type]
    assert not any(caption.split(" blossom")[0] in sentences for caption in captions)


def test_noise_leaves_the_cosine_it_is_named_by(bench: dict[str, ModuleType]) -> None:
    rows = np.eye(256, dtype=np.float32)
    for cosine in bench["methods"].COSINES:
        noised = bench["methods"].noise(cosine, 256)(rows, 0)
        assert np.allclose(np.linalg.norm(noised, axis=1), 1, atol=1e-5)
        assert np.mean(np.sum(rows * noised, axis=1)) == pytest.approx(cosine, abs=0.02)


def test_intervals_cover_the_truth_as_often_as_they_say(bench: dict[str, ModuleType]) -> None:
    draws = np.random.default_rng(0).normal(50, 3, size=(2000, 5))
    rows = [bench["table"].interval(row.tolist()) for row in draws]
    covered = np.mean([abs(row["mean"] - 50) <= row["half_width"] for row in rows])
    assert 0.935 < covered < 0.965
    assert bench["table"].interval([1.0, 2.0, 3.0])["half_width"] == pytest.approx(4.303 / 3**0.5, abs=0.01)


def test_a_concept_with_many_captions_counts_as_one_with_few(bench: dict[str, ModuleType]) -> None:
    """Two concepts with the same vector and different classes: the answer is a coin, whatever their numbers of rows."""
    vectors = np.ones((101, 4), np.float32) / 2
    asked = np.ones((1, 4), np.float32) / 2
    rows_of = [np.arange(1), np.arange(1, 101)]
    labels = np.array([0, 1])
    train = bench["probe"].train_probe
    answers = [int(train(vectors, rows_of, labels, 2, seed, steps=40)(asked)[0]) for seed in range(12)]
    assert 2 <= sum(answers) <= 10
