"""Plots are PNG files that show the data they were given."""

import io

import numpy as np
import pytest
from PIL import Image

from unicorn_assets.representation.plots import common_pca, cosine_histograms, spectrum_plot


def cloud(seed: int, n: int = 300, towards: float = 0.0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, 12))
    rows[:, 0] += towards
    return rows.astype(np.float32)


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("kind", ["pca", "cosine", "spectrum"])
def test_each_plot_is_a_readable_picture_of_its_data(kind: str) -> None:
    def draw(shift: float) -> bytes:
        text, moved, images = cloud(0, towards=shift), cloud(2), cloud(1)
        if kind == "pca":
            return common_pca(text, moved, images, method="realign")
        if kind == "cosine":
            return cosine_histograms(text, moved, images, images, "mean_shift", (0.2, 0.4))
        return spectrum_plot(text, images, moved)

    first = pixels(draw(4))
    height, width, _ = first.shape
    assert height >= 400
    assert width >= 600
    assert draw(4) == draw(4)
    assert (pixels(draw(0)) != first).any()


def test_few_rows_and_two_dimensions_suffice() -> None:
    rows = cloud(0, 9)[:, :2]
    assert pixels(common_pca(rows, rows, rows)).any()
    assert pixels(cosine_histograms(rows, rows, rows)).any()
