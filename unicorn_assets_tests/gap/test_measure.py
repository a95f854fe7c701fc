"""All metrics together: names, explanations, before, after and cross-fitted, and what is refused."""

import json

import numpy as np
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.gap import Estimate, compare, explain, measure_gap, source_preservation
from unicorn_assets.gap.meaning import GROUPS, MEANING, change
from unicorn_assets.gap.split import split
from unicorn_assets.transfer import Transfer, fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

D = 20
SPACE = Space("test", "1", D)
World = tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]


def world(n: int = 900) -> World:
    """Texts and images of shared meanings; each side has a mean and a spread of its own; 200 pairs are apart."""
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(n + 200, D))
    text = 0.6 * meaning + 0.3 * rng.normal(size=meaning.shape) + 1.5 * rng.normal(size=D)
    image = meaning + 0.3 * rng.normal(size=meaning.shape) + 1.5 * rng.normal(size=D)
    text, image = text.astype(np.float16), image.astype(np.float16)
    # Images of the reference come in another order: nothing unpaired may use the order.
    return text[:n], rng.permutation(image[:n]), (text[n:], image[n:])


def fitted(method: str, text: np.ndarray, images: np.ndarray) -> Transfer:
    return fit(method, 1, Statistics(SPACE).add(images), lambda: [text])


@pytest.mark.parametrize("method", ["mean_shift", "realign"])
def test_a_move_closes_the_gap_that_was_made(method: str) -> None:
    text, images, pairs = world()
    report = compare(fitted(method, text, images), text, images, pairs)
    for after in (report.after, report.cross_fitted):
        for name in ("centroid_distance", "frechet_distance", "relative_modality_gap"):
            assert after[name].high < report.before[name].low / 2, name
            assert change(name, report.before[name], after[name]) == "better"
        assert after["linear_separability"].value < 0.75 < report.before["linear_separability"].value
        assert after["knn_mixing"].value > report.before["knn_mixing"].value + 0.2
        assert after["text_to_image_recall_1"].value > report.before["text_to_image_recall_1"].value
        assert 0.5 < after["neighbour_overlap"].value <= 1


def test_without_a_move_nothing_changes() -> None:
    text, images, pairs = world()
    report = compare(fitted("none", text, images), text, images, pairs)
    for name, value in report.before.items():
        for after in (report.after, report.cross_fitted):
            assert after[name].value == pytest.approx(value.value, abs=1e-5), name
            assert change(name, value, after[name]) in ("", "unclear")
    assert report.after["source_cosine"].value == pytest.approx(1)
    assert report.after["neighbour_overlap"].value == pytest.approx(1, abs=0.01)


def test_the_cross_fitted_move_knows_nothing_of_the_rows_that_judge_it() -> None:
    text, images, pairs = world(30)
    seen = []

    def refit(some: np.ndarray, others: np.ndarray) -> Transfer:
        seen.append((some, others))
        return fitted("mean_shift", some, others)

    move = fitted("mean_shift", text, images)
    report = compare(move, text, images, pairs, in_fit=True, pairs_in_fit=False, refit=refit)
    statistics, held = split(text, images, pairs)
    assert (seen[0][0] == statistics.text).all()
    assert (seen[0][1] == statistics.images).all()
    assert statistics.pairs is not None
    assert (seen[1][1] == statistics.pairs[1]).all()
    by_hand = fitted("mean_shift", statistics.text, statistics.images)
    expected = measure_gap(by_hand.apply(held.text), by_hand.image_side(held.images))
    assert {name: report.cross_fitted[name] for name in expected} == expected
    # Rows that took part in a fit sit closer to the images' mean than rows that did not.
    assert report.after["centroid_distance"].plain < report.cross_fitted["centroid_distance"].plain  # type: ignore[operator]
    parts = report.to_dict()["parts"]
    assert parts["text"] == {"statistics": 15, "held_out": 15, "in_fit": True}
    assert parts["pairs"] == {"statistics": 100, "held_out": 100, "in_fit": False}


def test_every_number_is_explained_in_json_and_nothing_else() -> None:
    text, images, pairs = world(100)
    report = compare(fitted("none", text, images), text, images, pairs)
    assert set(report.after) == set(report.cross_fitted) == set(MEANING)
    assert set(MEANING) == {metric for group in GROUPS.values() for metric in group}
    read = json.loads(json.dumps(report.to_dict()))
    for state in ("before", "after", "cross_fitted"):
        for name, found in read[state].items():
            assert set(found) - {"plain"} == {"value", "low", "high"}
            assert found["low"] <= found["value"] <= found["high"], name
            assert np.isfinite(list(found.values())).all()
            assert any(word in explain(name) for word in ("better", "best", "target", "changed"))
    assert set(read["after"]) - set(read["before"]) == {"source_cosine", "neighbour_overlap"}
    assert "paired_cosine" not in measure_gap(text, images)
    assert "pairs" not in compare(fitted("none", text, images), text, images).parts


def test_preservation_counts_neighbours_as_a_loop_does() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.normal(size=(50, 6)), rng.normal(size=(50, 6))
    after += 2 * before
    y, z = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (before, after))
    shares = []
    for i in range(50):
        near = [set(sorted((j for j in range(50) if j != i), key=lambda j: -float(s[i] @ s[j]))[:5]) for s in (y, z)]
        shares.append(len(near[0] & near[1]) / 5)
    found = source_preservation(before, after, k=5)
    assert found["neighbour_overlap"].value == pytest.approx(np.mean(shares))
    assert found["source_cosine"].value == pytest.approx(np.mean(np.sum(y * z, axis=1)))


def test_a_change_is_named_only_when_intervals_are_apart() -> None:
    wide, near, far = Estimate(0.5, 0.1, 0.9), Estimate(0.1, 0.05, 0.2), Estimate(0.8, 0.7, 0.9)
    assert change("centroid_distance", wide, near) == "unclear"
    assert change("centroid_distance", far, near) == "better"
    assert change("paired_cosine", far, near) == "worse"
    assert change("effective_rank_image", far, near) == ""
    assert change("effective_rank_text", far, near, target=Estimate(0, 0, 0)) == "better"


def test_what_cannot_be_measured_is_refused() -> None:
    text, images, _ = world(100)
    with pytest.raises(UserError, match="3 rows are too few"):
        measure_gap(text[:3], images)
    with pytest.raises(UserError, match="image vectors: the vectors have 5 dimensions"):
        measure_gap(text, images[:, :5])
    with pytest.raises(UserError, match="50 paired texts but 40"):
        measure_gap(text, images, (text[:50], images[:40]))
    with pytest.raises(UserError, match="text vectors: 12 rows are too few to fit a move on one half"):
        compare(fitted("none", text, images), text[:12], images)
    bad = text.copy()
    bad[4] = 0
    with pytest.raises(UserError, match="text vectors: row 4 is all zero"):
        measure_gap(bad, images)
