"""Do the two clouds mix? A linear probe, nearest neighbours, and how evenly each cloud fills the sphere. Unpaired."""

import numpy as np

from unicorn_assets.representation.vectors import Float64

NEIGHBOURS = 20
PAIRWISE_ROWS = 1000  # rows of each side in computations over all pairs
PROBE_ROWS = 4000  # rows of each side for the probe
SHRINKAGE = 1e-3  # ridge of the probe, as a share of the mean feature variance


def mixing_metrics(text: Float64, image: Float64, seed: int) -> dict[str, float]:
    """The metrics of this module by name; both sides enter with equal numbers of rows."""
    random = np.random.default_rng(seed)
    n = min(len(text), len(image))
    y, x = draw(text, min(n, PROBE_ROWS), random), draw(image, min(n, PROBE_ROWS), random)
    few = min(n, PAIRWISE_ROWS)
    return {
        "linear_separability": linear_separability(y, x),
        "knn_mixing": knn_mixing(y[:few], x[:few]),
        "uniformity_text": uniformity(y[:few]),
        "uniformity_image": uniformity(x[:few]),
    }


def draw(rows: Float64, n: int, random: np.random.Generator) -> Float64:
    """`n` rows at random, without repeats, in random order."""
    return rows[random.permutation(len(rows))[:n]]


def linear_separability(text: Float64, image: Float64) -> float:
    """Held-out accuracy of a linear probe that tells text from image; 0.5 means it cannot.

    The first half of each side trains a ridge regression on labels -1 and 1 (Fisher's discriminant with shrinkage:
    Hastie et al., The Elements of Statistical Learning, 4.2 and 4.3.1), the second half tests it. Rows come shuffled.
    """
    half = min(len(text), len(image)) // 2
    train = np.concatenate([text[:half], image[:half]])
    labels = np.repeat([-1.0, 1.0], half)
    centre = train.mean(axis=0)
    train = train - centre
    gram = train.T @ train
    ridge = SHRINKAGE * np.trace(gram) / len(gram) + np.finfo(float).tiny
    weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), train.T @ labels)
    says_image = [(side[half:] - centre) @ weights > 0 for side in (text, image)]
    return float((np.mean(~says_image[0]) + np.mean(says_image[1])) / 2)


def knn_mixing(text: Float64, image: Float64, k: int = NEIGHBOURS) -> float:
    """Mean share of the other modality among each vector's k nearest others by cosine; about 0.5 when mixed."""
    rows = np.concatenate([text, image])
    side = np.repeat([False, True], [len(text), len(image)])
    nearest = neighbours(rows, min(k, len(rows) - 1))
    return float(np.mean(side[nearest] != side[:, None]))


def neighbours(rows: Float64, k: int) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """(n, k) row numbers of the k nearest other rows by cosine, in no particular order."""
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argpartition(-cosines, k - 1, axis=1)[:, :k]


def uniformity(rows: Float64) -> float:
    """log E exp(-2 |u - v|^2) over different rows (Wang and Isola 2020, arXiv 2005.10242)."""
    n = len(rows)
    # |u - v|^2 = 2 - 2 u.v for unit vectors
    kernel = np.exp(4.0 * (rows @ rows.T) - 4.0)
    return float(np.log((kernel.sum() - np.trace(kernel)) / (n * (n - 1))))
