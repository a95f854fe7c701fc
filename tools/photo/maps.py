"""The maps between MiniLM's texts and the classifier's pictures, in closed form: nothing is drawn at random.

Three ways, one block of the vector each (photo_model.py says what happens to them):
* features: ridge regression from the class names' vectors to the classifier's rows, and from the emoji's captions to
  their pictures' features about the mean; turned so that the block holds only the 384 directions that texts can reach;
* classes: the class names' own vectors;
* agreement: a picture's probabilities p and a text's likeness to the names, q = softmax(cosine / SHARP), as two
  distributions over the classes: sqrt(p) . sqrt(q) is their Bhattacharyya coefficient, and of sqrt of both, about the
  mean over the names, the 512 leading directions are kept.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unicorn_assets.encoders.pocket.photo_model import BLOCKS

RIDGE = 1.0  # for each template of the names
SHARP = 0.1

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Maps:
    """text_mean (384,); text_features (384, 384) from a text about that mean, image_features (1280, 384) from features
    about image_mean (1280,); names (1000, 384) unit rows about text_mean, which are not unit after it: class_vectors;
    directions (1000, 512) from square roots of distributions about root_mean (1000,)."""

    text_mean: Doubles
    text_features: Doubles
    image_mean: Doubles
    image_features: Doubles
    class_vectors: Doubles
    directions: Doubles
    root_mean: Doubles


def find(names: Doubles, rows: Doubles, captions: Doubles, features: Doubles, image_mean: Doubles) -> Maps:
    """The maps of names (templates, classes, 384) with the classifier's unit rows (classes, 1280), and of captions
    (kinds, pictures, 384) with the pictures' features (pictures, 1280).

    image_mean (1280,) is what the encoder takes off a picture's features.
    """
    mean = names.reshape(-1, names.shape[2]).mean(axis=0)
    texts = np.concatenate([*names, *captions]) - mean
    seen = unit(features - features.mean(axis=0))
    wanted = np.concatenate([np.tile(rows, (len(names), 1)), np.tile(seen, (len(captions), 1))])
    ridge = np.linalg.solve(texts.T @ texts + RIDGE * len(names) * np.eye(texts.shape[1]), texts.T @ wanted)
    reached = np.linalg.svd(ridge, full_matrices=False)[2].T[:, : BLOCKS[0]]
    class_vectors = unit(names.sum(axis=0)) - mean
    roots = np.sqrt(likeness(class_vectors, class_vectors))
    root_mean = roots.mean(axis=0)
    about = roots - root_mean
    directions = np.linalg.eigh(about.T @ about)[1][:, ::-1][:, : BLOCKS[2]]
    return Maps(mean, ridge @ reached, image_mean, reached, class_vectors, directions, root_mean)


def likeness(texts: Doubles, class_vectors: Doubles) -> Doubles:
    """(n, classes) softmax of the cosines between centred texts and centred names, over SHARP."""
    cosines = unit(texts) @ unit(class_vectors).T / SHARP
    found = np.exp(cosines - cosines.max(axis=1, keepdims=True))
    shares: Doubles = found / found.sum(axis=1, keepdims=True)
    return shares


def unit(rows: Doubles) -> Doubles:
    """Rows divided by their length."""
    found: Doubles = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found
