"""Plots are pictures of the data they were given, as PNG and as SVG for a page."""

import io

import numpy as np
import pytest
from PIL import Image

from unicorn_assets.gap.plots import (
    common_pca,
    cosine_histograms,
    draw_all,
    png,
    recall_curves,
    spectra,
    svg,
)
from unicorn_assets.gap.split import split
from unicorn_assets.transfer import fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

KINDS = {"pca": common_pca, "cosine": cosine_histograms, "spectra": spectra, "recall": recall_curves}


def cloud(seed: int, n: int = 300, towards: float = 0.0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, 12))
    rows[:, 0] += towards
    return rows.astype(np.float32)


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("kind", KINDS)
def test_each_plot_is_a_readable_picture_of_its_data(kind: str) -> None:
    def draw(shift: float) -> bytes:
        before = cloud(0, towards=shift), cloud(1)
        return png(KINDS[kind](before, (cloud(2), before[1]), "realign"))

    first = pixels(draw(4))
    height, width, _ = first.shape
    assert height >= 400
    assert width >= 600
    assert (first[0, 0] == 255).all()
    assert draw(4) == draw(4)
    assert (pixels(draw(0)) != first).any()


def test_svg_for_a_page_takes_the_pages_ink_and_keeps_its_ids_apart() -> None:
    sides = cloud(0, towards=3), cloud(1)
    one, other = (svg(cosine_histograms(sides, sides), name) for name in ("one", "other"))
    for found in (one, other):
        assert found.startswith("<svg")
        assert "http" not in found
        assert "currentColor" in found
        assert "text with image" in found
    assert 'id="one-' in one
    assert 'id="one-' not in other
    assert svg(cosine_histograms(sides, sides), "one") == one


def test_few_rows_and_two_dimensions_suffice() -> None:
    sides = cloud(0, 9)[:, :2], cloud(1, 9)[:, :2]
    for draw in KINDS.values():
        assert pixels(png(draw(sides, sides))).any()


def test_all_of_them_show_the_rows_that_are_measured() -> None:
    text, images = cloud(0, 40, towards=3), cloud(1, 60)
    move = fit("mean_shift", 1, Statistics(Space("test", "1", 12)).add(images), lambda: [text])
    assert list(draw_all(move, text, images)) == ["common PCA", "cosines", "spectra"]
    drawn = draw_all(move, text, images, (text, images[:40]))
    assert list(drawn) == ["common PCA", "cosines", "spectra", "recall"]
    _, held = split(text, images)
    by_hand = cosine_histograms(
        (held.text, held.images), (move.apply(held.text), move.image_side(held.images)), "mean_shift"
    )
    assert png(drawn["cosines"][0]) == png(by_hand)
    assert all(len(words) > 60 for _, words in drawn.values())
