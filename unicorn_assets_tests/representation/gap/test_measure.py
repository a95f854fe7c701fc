"""All metrics together: names, explanations, before and after, and what is refused."""

import numpy as np
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.representation.gap import compare, explain, measure_gap, source_preservation
from unicorn_assets.representation.gap.meaning import MEANING
from unicorn_assets.representation.image_reference import ImageReference, Pairs
from unicorn_assets.representation.statistics import Statistics
from unicorn_assets.representation.transfer import fit
from unicorn_assets.representation.vectors import Space

D = 20
SPACE = Space("test", "1", D)


def world(n: int = 900) -> tuple[np.ndarray, ImageReference]:
    """Texts and images of shared meanings; each side has a mean and a spread of its own; 200 pairs are held out."""
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(n + 200, D))
    text = 0.6 * meaning + 0.3 * rng.normal(size=meaning.shape) + 1.5 * rng.normal(size=D)
    image = meaning + 0.3 * rng.normal(size=meaning.shape) + 1.5 * rng.normal(size=D)
    text, image = text.astype(np.float16), image.astype(np.float16)
    held = Pairs(text[n:], image[n:], [str(i) for i in range(200)], np.ones(200, bool))
    # Images of the reference come in another order: nothing unpaired may use the order.
    seen = rng.permutation(image[:n])
    return text[:n], ImageReference(Statistics(SPACE).add(seen), seen, held)


@pytest.mark.parametrize("method", ["mean_shift", "realign"])
def test_a_move_closes_the_gap_that_was_made(method: str) -> None:
    text, reference = world()
    move = fit(method, 1, reference.statistics, lambda: [text])
    before, after = compare(move, text, reference)
    for name in ("centroid_distance", "frechet_distance", "relative_modality_gap"):
        assert after[name] < before[name] / 2, name
    assert after["linear_separability"] < 0.75 < before["linear_separability"]
    assert after["knn_mixing"] > before["knn_mixing"] + 0.2
    assert after["text_to_image_recall_1"] > before["text_to_image_recall_1"]
    assert 0.5 < after["neighbour_overlap"] <= 1


def test_without_a_move_nothing_changes() -> None:
    text, reference = world()
    before, after = compare(fit("none", 1, reference.statistics, lambda: [text]), text, reference)
    for name, value in before.items():
        assert after[name] == pytest.approx(value, abs=1e-5), name
    assert after["source_cosine"] == pytest.approx(1)
    assert after["neighbour_overlap"] == pytest.approx(1, abs=0.01)


def test_every_number_is_explained_and_nothing_else() -> None:
    text, reference = world()
    _, after = compare(fit("none", 1, reference.statistics, lambda: [text]), text, reference)
    assert set(after) == set(MEANING)
    for name, value in after.items():
        assert isinstance(value, float)
        assert np.isfinite(value)
        assert any(word in explain(name) for word in ("better", "best", "target", "changed"))
    assert "paired_cosine" not in measure_gap(text, reference.sample)


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
    assert found["neighbour_overlap"] == pytest.approx(np.mean(shares))
    assert found["source_cosine"] == pytest.approx(np.mean(np.sum(y * z, axis=1)))


def test_what_cannot_be_measured_is_refused() -> None:
    text, reference = world()
    with pytest.raises(UserError, match="3 rows are too few"):
        measure_gap(text[:3], reference.sample)
    with pytest.raises(UserError, match="image vectors: the vectors have 5 dimensions"):
        measure_gap(text, reference.sample[:, :5])
    with pytest.raises(UserError, match="50 paired texts but 40"):
        measure_gap(text, reference.sample, (text[:50], reference.sample[:40]))
    bad = text.copy()
    bad[4] = 0
    with pytest.raises(UserError, match="text vectors: row 4 is all zero"):
        measure_gap(bad, reference.sample)
