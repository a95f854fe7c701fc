"""Fitting a move: which means it needs, from which rows."""

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

from unicorn_assets.errors import UserError
from unicorn_assets.transfer.aniso import fit_aniso
from unicorn_assets.transfer.fitted import Transfer
from unicorn_assets.transfer.steps import METHODS, text_steps
from unicorn_assets.vectors.plain_steps import Steps, walk
from unicorn_assets.vectors.rows import Float64, Rows, Space, unit_rows
from unicorn_assets.vectors.sketch import SAMPLE_ROWS
from unicorn_assets.vectors.statistics import Statistics

Shards = Callable[[], Iterable[Rows]]
After = Callable[[Steps], Statistics]
Over = Literal["all", "sample"]

NOISE_COSINE = 0.7
"""What c3 leaves when nothing else is said."""


def fit(
    method: str,
    passes: int,
    image: Statistics,
    text_shards: Shards,
    *,
    space: Space | None = None,
    text: Statistics | None = None,
    over: Over = "all",
    after: After | None = None,
    image_sample: Rows | None = None,
    noise_cosine: float = NOISE_COSINE,
) -> Transfer:
    """Fit `method` in float64 with constant memory.

    `text_shards()` yields the text matrices one by one. It is iterated once for mu_y, unless `text` already holds those
    statistics (merged from shards). realign iterates it once more per pass, with `over` "all"; with "sample" it takes
    the sample that the statistics kept and reads no shard. aniso_init takes the samples of both sides; `image_sample`
    (n, d) stands in for image statistics without one. `after` may do instead of `text_shards` for passes over all: it
    returns the statistics of all text rows after some steps. `space` says where the text vectors come from.
    UserError for an unknown method, mixed encoders, no vectors, bad rows, or vectors that are all alike.
    """
    if method not in METHODS:
        raise UserError(f"unknown transfer method {method!r}", f"use one of {', '.join(METHODS)}")
    image.space.require(space, "the text vectors")
    if method == "none":
        return Transfer("none", image.space, {}, {"image": image.n})
    if text is None:
        text = _counted(image.space, text_shards, ())
    image.space.require(text.space, "the text statistics")
    counts = {"text": text.n, "image": image.n}
    if method == "aniso_init":
        sample = image.sample if image_sample is None else image_sample
        parameters = fit_aniso(text.sample, sample, text.mean, image.mean, text.covariance, image.covariance)
        return Transfer(method, image.space, parameters, counts)
    parameters = {"text_mean": text.mean, "image_mean": image.mean}
    if method != "realign":
        cosine = noise_cosine if method == "c3" else None
        return Transfer(method, image.space, parameters, counts, noise_cosine=cosine)
    for side, statistics in (("text", text), ("image", image)):
        if statistics.trace < 1e-9:
            raise UserError(
                f"the {side} vectors are all alike, so ReAlign has no spread to scale", f"give more {side}s"
            )
    parameters |= {"scale": np.array(np.sqrt(image.trace / text.trace)), "offset": np.zeros(image.space.dimension)}
    error = 0.0
    for done in range(passes):
        # The first pass corrects the mean of e1, which no offset has moved yet.
        steps = text_steps("realign", parameters)[: 1 if done == 0 else 2]
        if over == "all":
            moved = after(steps) if after else _counted(image.space, text_shards, steps)
            centroid, counts["moved"] = moved.mean, moved.n
        else:
            centroid, error = estimated_mean(text, steps)
            counts["moved"] = len(text.sample)
        parameters = parameters | {"offset": parameters["offset"] + parameters["image_mean"] - centroid}
    return Transfer("realign", image.space, parameters, counts, passes=passes, moved_error=error)


def _counted(space: Space, text_shards: Shards, steps: Steps) -> Statistics:
    """Statistics of all text vectors after `steps`."""
    counted = Statistics(space, sample=0 if steps else SAMPLE_ROWS)
    for number, shard in enumerate(text_shards()):
        counted.add(shard, where=f"text vectors, shard {number}", steps=steps)
    return counted


def estimated_mean(text: Statistics, steps: Steps) -> tuple[Float64, float]:
    """Mean of all rows after `steps`, from the exact mean before them and a sample; and its standard error.

    A step is linear but for norm, so most of its effect on the mean is known exactly. With g a row's 1 / length and
    g0 the mean of g over the sample, mean(g v) = g0 mean(v) + mean((g - g0) v): only the second term, which is small
    because lengths differ little, is taken from the sample (a regression estimator: Cochran, Sampling Techniques, 7.3).
    """
    rows = unit_rows(text.sample)
    mean, error = text.mean, 0.0
    for scale, shift in steps:
        lengths, _ = walk(rows, np.ones(len(rows)), [(scale, shift)])
        mean = scale * mean + shift
        g = 1 / lengths
        rest = (g - g.mean())[:, None] * rows
        centre = rest.mean(axis=0)
        scatter = float(np.square(rest - centre).sum(axis=1).mean())
        error = error * scale * float(g.mean()) + float(np.sqrt(scatter / len(rows)))
        mean = float(g.mean()) * mean + centre
        rows *= g[:, None]
    unseen = 1 - len(rows) / text.n
    return mean, error * float(np.sqrt(max(unseen, 0.0)))
