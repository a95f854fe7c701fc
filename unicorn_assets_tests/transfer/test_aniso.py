"""aniso_init against its definition: a common basis, and radii whose quantiles become the images'."""

import numpy as np
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.transfer import Transfer, fit
from unicorn_assets.transfer.aniso import BLOCK, common_basis, move_aniso, radii
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

D = 16
SPACE = Space("test", "1", D)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def clouds(n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    text = unit(rng.normal(size=(n, D)) * np.linspace(1, 0.1, D) + 0.4)
    image = unit(rng.standard_t(5, size=(n, D)) * np.linspace(0.9, 0.3, D) - 0.3)
    return text, image


def fitted() -> tuple[Transfer, np.ndarray, np.ndarray]:
    text, image = clouds()
    statistics = [Statistics(SPACE, covariance=True).add(side) for side in (image, text)]
    return fit("aniso_init", 1, statistics[0], list, text=statistics[1]), text, image


def test_the_basis_diagonalises_both_covariances_together() -> None:
    rng = np.random.default_rng(1)
    rotation = np.linalg.qr(rng.normal(size=(D, D)))[0]
    one = rotation @ np.diag(np.linspace(2, 0.1, D)) @ rotation.T
    other = rotation @ np.diag(np.linspace(1, 0.2, D)) @ rotation.T
    basis = common_basis(one, other)
    assert basis.shape[1] % BLOCK == 0
    np.testing.assert_allclose(np.abs(basis.T @ rotation[:, : basis.shape[1]]), np.eye(basis.shape[1]), atol=1e-8)


def test_radii_get_the_quantiles_of_the_images() -> None:
    move, text, image = fitted()
    p = move.parameters
    moved = move_aniso(text, p) - p["image_mean"]
    images = image - p["image_mean"]
    levels = np.linspace(0.05, 0.95, 19)
    before = radii(text - p["text_mean"], (text - p["text_mean"]) @ p["basis"])
    found, wanted = (np.quantile(radii(rows, rows @ p["basis"]), levels, axis=0) for rows in (moved, images))
    np.testing.assert_allclose(found, wanted, rtol=0.03, atol=0.003)
    assert np.abs(np.quantile(before, levels, axis=0) - wanted).max() > 0.1, "there was something to match"


def test_directions_within_a_block_stay() -> None:
    move, text, _ = fitted()
    p = move.parameters
    before = (text - p["text_mean"]) @ p["basis"][:, :BLOCK]
    after = (move_aniso(text, p) - p["image_mean"]) @ p["basis"][:, :BLOCK]
    np.testing.assert_allclose(unit(after), unit(before), atol=1e-9)


def test_it_is_applied_saved_and_leaves_images_alone() -> None:
    move, text, image = fitted()
    moved = move.apply(text)
    np.testing.assert_allclose(moved, unit(move_aniso(text, move.parameters)), atol=1e-6)
    np.testing.assert_allclose(move.apply(text[7:19]), moved[7:19], atol=1e-6)
    assert Transfer.from_bytes(move.to_bytes()).apply(text).tobytes() == moved.tobytes()
    np.testing.assert_allclose(move.image_side(image), image, atol=1e-6)
    assert len(move.to_bytes()) < 60_000


def test_too_few_rows_are_refused() -> None:
    text, image = clouds()
    with pytest.raises(UserError, match="only 5 are at hand"):
        fit("aniso_init", 1, Statistics(SPACE).add(image), lambda: [text[:5]])
    with pytest.raises(UserError, match="spread of the image vectors, but only 0"):
        fit("aniso_init", 1, Statistics(SPACE, sample=0).add(image), lambda: [text])
