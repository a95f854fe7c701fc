"""AnisoAlign's closed-form start (arXiv 2605.07825): radii matched block by block in a common eigenbasis.

What is computed, from unpaired unit vectors y (text) and x (image) with means mu and covariances S:
1. U holds the eigenvectors of (S_y + S_x) / 2, largest eigenvalue first: q leading ones, the fewest with ENERGY of the
   trace, at most MOST_DIRECTIONS, an even number. They are cut into blocks of BLOCK; what is left is one more block.
2. v = y - mu_y is written as its part in each block b: a radius r_b = |U_b' v| and a direction.
3. Each radius goes through the quantiles of both sides: r -> F_x,b^-1(F_y,b(r)), piecewise linear between QUANTILES
   quantiles; beyond the outermost ones the ratio found there holds. Directions stay.
4. The text becomes norm(mu_x + sum of the blocks). Images stay as they are.
The published method goes on to train a prior and a bounded correction on top; that part is not here. Block size,
number of directions and quantiles are ours. One block for all small directions is on purpose: matching each of them
would whiten the covariance, and ReVision reports that this destroys neighbourhoods.
"""

from collections.abc import Mapping

import numpy as np

from unicorn_assets.errors import UserError
from unicorn_assets.vectors.rows import Float64, Rows, unit_rows

BLOCK = 2
ENERGY = 0.9
MOST_DIRECTIONS = 128
QUANTILES = 101
LEAST_ROWS = 20


def fit_aniso(
    text: Rows,
    image: Rows,
    text_mean: Float64,
    image_mean: Float64,
    text_covariance: Float64 | None = None,
    image_covariance: Float64 | None = None,
) -> dict[str, Float64]:
    """Parameters from two samples (n, d) and (m, d), unpaired; means and covariances may be of more rows."""
    for side, rows in (("text", text), ("image", image)):
        if len(rows) < LEAST_ROWS:
            raise UserError(
                f"aniso_init needs the spread of the {side} vectors, but only {len(rows)} are at hand",
                f"give at least {LEAST_ROWS}, and better some thousands",
            )
    v, w = unit_rows(text) - text_mean, unit_rows(image) - image_mean
    spread = [v.T @ v / len(v) if text_covariance is None else text_covariance]
    spread.append(w.T @ w / len(w) if image_covariance is None else image_covariance)
    basis = common_basis(*spread)
    levels = np.linspace(0, 1, QUANTILES)
    found = {"text_mean": text_mean, "image_mean": image_mean, "basis": basis}
    for side, rows in (("text", v), ("image", w)):
        found[f"{side}_radii"] = np.quantile(radii(rows, rows @ basis), levels, axis=0).T.copy()
    return found


def common_basis(one: Float64, other: Float64) -> Float64:
    """(d, q) leading eigenvectors of the mean of two covariances."""
    values, vectors = np.linalg.eigh((one + other) / 2)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    share = np.cumsum(values) / max(values.sum(), np.finfo(float).tiny)
    q = int(np.searchsorted(share, ENERGY)) + 1
    q = min(-(-q // BLOCK) * BLOCK, MOST_DIRECTIONS, len(values) // BLOCK * BLOCK)
    return np.ascontiguousarray(vectors[:, :q])


def radii(centred: Float64, parts: Float64) -> Float64:
    """(n, blocks + 1) radii of rows (n, d) with leading coordinates `parts` (n, q); the last is of what is left."""
    blocks = np.square(parts).reshape(len(parts), -1, BLOCK).sum(axis=2)
    left = np.vecdot(centred, centred) - blocks.sum(axis=1)
    found: Float64 = np.sqrt(np.maximum(np.concatenate([blocks, left[:, None]], axis=1), 0))
    return found


def move_aniso(unit: Float64, parameters: Mapping[str, Float64]) -> Float64:
    """(n, d) moved rows, not yet of unit length."""
    basis = parameters["basis"]
    centred = unit - parameters["text_mean"]
    parts = centred @ basis
    found = radii(centred, parts)
    factors = np.empty_like(found)
    for block, (source, target) in enumerate(zip(parameters["text_radii"], parameters["image_radii"], strict=True)):
        factors[:, block] = _factor(found[:, block], source, target)
    left = factors[:, -1:]
    moved: Float64 = (parts * (np.repeat(factors[:, :-1], BLOCK, axis=1) - left)) @ basis.T
    moved += left * centred
    moved += parameters["image_mean"]
    return moved


def _factor(radius: Float64, source: Float64, target: Float64) -> Float64:
    """By what each radius is multiplied so that the source's quantiles become the target's."""
    tiny = np.finfo(float).tiny
    inside = np.clip(radius, source[0], source[-1])
    # A radius beyond the quantiles keeps the ratio of the outermost one: inside is that quantile then.
    factor: Float64 = np.interp(inside, source, target) / np.maximum(inside, tiny)
    return np.where(inside > 0, factor, 1.0)
