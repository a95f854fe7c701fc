"""Do the two clouds mix? A linear probe, nearest neighbours, and how evenly each cloud fills the sphere. Unpaired.

And what a move leaves of the texts' own neighbourhoods: mixing is worth nothing when the meaning is lost.
"""

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.gap.intervals import Estimate, counts, mean_of, percentile, share_of
from unicorn_assets.vectors.rows import Float64, Rows, check_shape, unit_rows

NEIGHBOURS = 20
PAIRWISE_ROWS = 1000  # rows of each side in computations over all pairs
PROBE_ROWS = 4000  # rows of each side for the probe
SHRINKAGE = 1e-3  # ridge of the probe, as a share of the mean feature variance


def mixing_metrics(text: Float64, image: Float64, seed: int) -> dict[str, float]:
    """The metrics of this module by name; both sides enter with equal numbers of rows."""
    y, x, few = _balanced(text, image, seed)
    return {
        "linear_separability": linear_separability(y, x),
        "knn_mixing": knn_mixing(y[:few], x[:few]),
        "uniformity_text": uniformity(y[:few]),
        "uniformity_image": uniformity(x[:few]),
    }


def mixing_estimates(text: Float64, image: Float64, seed: int) -> dict[str, Estimate]:
    """The same with intervals.

    Queries are resampled, the probe and the cloud in which neighbours are searched stay: the intervals speak of rows
    like these against this sample. Uniformity is resampled over pairs of different rows.
    """
    y, x, few = _balanced(text, image, seed)
    drawn = counts(few, seed), counts(few, seed + 1)
    shares = knn_shares(y[:few], x[:few])
    resampled = (drawn[0] @ shares[:few] + drawn[1] @ shares[few:]) / (2 * few)
    found = {
        "linear_separability": share_of(probe_hits(y, x)),
        "knn_mixing": percentile(float(shares.mean()), resampled, (0.0, 1.0)),
    }
    for side, rows, times in (("text", y[:few], drawn[0]), ("image", x[:few], drawn[1])):
        again = _uniformity(_kernel(rows), times)
        found[f"uniformity_{side}"] = percentile(uniformity(rows), again, (-4.0, 0.0))
    return found


def _balanced(text: Float64, image: Float64, seed: int) -> tuple[Float64, Float64, int]:
    """Equally many rows of both sides at random, and how many of them enter computations over all pairs."""
    random = np.random.default_rng(seed)
    n = min(len(text), len(image))
    y, x = draw(text, min(n, PROBE_ROWS), random), draw(image, min(n, PROBE_ROWS), random)
    return y, x, min(n, PAIRWISE_ROWS)


def draw(rows: Float64, n: int, random: np.random.Generator) -> Float64:
    """`n` rows at random, without repeats, in random order."""
    return rows[random.permutation(len(rows))[:n]]


def linear_separability(text: Float64, image: Float64) -> float:
    """Held-out accuracy of a linear probe that tells text from image; 0.5 means it cannot."""
    return float(probe_hits(text, image).mean())


def probe_hits(text: Float64, image: Float64) -> NDArray[np.bool_]:
    """(2 n,) whether a linear probe that has not seen the row tells its side rightly. Rows come shuffled.

    One half of each side trains a ridge regression on labels -1 and 1 (Fisher's discriminant with shrinkage: Hastie et
    al., The Elements of Statistical Learning, 4.2 and 4.3.1), the other half tests it; then the halves change places.
    """
    half = min(len(text), len(image)) // 2
    y, x = (text[:half], text[half : 2 * half]), (image[:half], image[half : 2 * half])
    return np.concatenate([_hits(y[fold], x[fold], y[1 - fold], x[1 - fold]) for fold in (0, 1)])


def _hits(train_y: Float64, train_x: Float64, test_y: Float64, test_x: Float64) -> NDArray[np.bool_]:
    train = np.concatenate([train_y, train_x])
    labels = np.repeat([-1.0, 1.0], [len(train_y), len(train_x)])
    centre = train.mean(axis=0)
    train = train - centre
    gram = train.T @ train
    ridge = SHRINKAGE * np.trace(gram) / len(gram) + np.finfo(float).tiny
    weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), train.T @ labels)
    return np.concatenate([(test_y - centre) @ weights <= 0, (test_x - centre) @ weights > 0])


def knn_mixing(text: Float64, image: Float64, k: int = NEIGHBOURS) -> float:
    """Mean share of the other modality among each vector's k nearest others by cosine; about 0.5 when mixed."""
    return float(knn_shares(text, image, k).mean())


def knn_shares(text: Float64, image: Float64, k: int = NEIGHBOURS) -> Float64:
    """(texts + images,) that share for each row."""
    rows = np.concatenate([text, image])
    side = np.repeat([False, True], [len(text), len(image)])
    nearest = neighbours(rows, min(k, len(rows) - 1))
    found: Float64 = np.mean(side[nearest] != side[:, None], axis=1)
    return found


def neighbours(rows: Float64, k: int) -> NDArray[np.intp]:
    """(n, k) row numbers of the k nearest other rows by cosine, in no particular order."""
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argpartition(-cosines, k - 1, axis=1)[:, :k]


def uniformity(rows: Float64) -> float:
    """log E exp(-2 |u - v|^2) over different rows (Wang and Isola 2020, arXiv 2005.10242)."""
    return float(_uniformity(_kernel(rows), np.ones((1, len(rows))))[0])


def _kernel(rows: Float64) -> Float64:
    """exp(-2 |u - v|^2) for all pairs; |u - v|^2 = 2 - 2 u.v for unit vectors."""
    found: Float64 = np.exp(4.0 * (rows @ rows.T) - 4.0)
    return found


def _uniformity(kernel: Float64, drawn: Float64) -> Float64:
    """(resamples,) log of the kernel's mean over different rows; `drawn` says how often each row was drawn."""
    own = np.diagonal(kernel)
    total = np.einsum("bi,bi->b", drawn @ kernel, drawn) - drawn**2 @ own
    pairs = drawn.sum(axis=1) ** 2 - np.sum(drawn**2, axis=1)
    found: Float64 = np.log(total / pairs)
    return found


def source_preservation(before: Rows, after: Rows, seed: int = 0, k: int = NEIGHBOURS) -> dict[str, Estimate]:
    """Mean cosine of each text vector with itself after the move, and the share of its k neighbours that stay.

    `before` and `after` are (n, d), row by row the same texts; neighbours are searched among at most 1,000 of them.
    The intervals resample texts as queries; the texts among which neighbours are searched stay.
    """
    check_shape(before, None, "text vectors before the move")
    check_shape(after, before.shape[1], "text vectors after the move")
    if len(before) != len(after):
        raise ValueError(f"{len(before)} rows before, {len(after)} after")
    chosen = np.random.default_rng(seed).permutation(len(before))[:PAIRWISE_ROWS]
    y = unit_rows(before[chosen], where="text vectors before the move")
    z = unit_rows(after[chosen], where="text vectors after the move")
    k = min(k, len(chosen) - 1)
    pairs = zip(neighbours(y, k), neighbours(z, k), strict=True)
    kept: Float64 = np.array([len(np.intersect1d(a, b, assume_unique=True)) / k for a, b in pairs])
    drawn = counts(len(chosen), seed)
    return {
        "source_cosine": mean_of(np.einsum("ij,ij->i", y, z), drawn, (-1.0, 1.0)),
        "neighbour_overlap": mean_of(kept, drawn, (0.0, 1.0)),
    }
