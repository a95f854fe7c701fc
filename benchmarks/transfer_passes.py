"""How well can ReAlign's mu' = mean(e1) be known without reading all shards again? Errors of each way, as distances.

    python benchmarks/transfer_passes.py

On the pocket encoder's captions and on a synthetic corpus of 1280 dimensions whose shards differ in content. Also: what
further passes do to the centroid. docs/decisions/007 publishes the table.
"""

import json

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.encoders import open_encoder
from unicorn_assets.encoders.pocket.files import model_folder, read_evaluation_pairs
from unicorn_assets.recipe import Recipe
from unicorn_assets.transfer.fitting import estimated_mean, fit
from unicorn_assets.transfer.steps import text_steps
from unicorn_assets.vectors.rows import Space, unit_rows
from unicorn_assets.vectors.statistics import Statistics

Matrix = NDArray[np.float16]


def unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pocket() -> tuple[list[Matrix], Matrix]:
    source = {"name": "none", "path": "none.txt"}
    recipe = Recipe.model_validate({"name": "passes", "sources": [source], "llm": {"model": "none"}})
    pairs = read_evaluation_pairs(model_folder("narrow"))
    text = open_encoder(recipe).encode_texts(pairs.captions).astype(np.float16)
    return np.array_split(text, 12), pairs.vectors.astype(np.float16)


def synthetic(rows: int = 60_000, d: int = 1280) -> tuple[list[Matrix], Matrix]:
    """Texts and images in two cones with spectra that fall like 1 / sqrt(k); each shard leans another way."""
    random = np.random.default_rng(0)
    spread = np.arange(1, d + 1) ** -0.5
    spread /= np.linalg.norm(spread)
    cones = 0.6 * unit(random.normal(size=(2, d)))
    shards = []
    for _ in range(rows // 4000):
        lean = 0.3 * spread * random.normal(size=d)
        shards.append(unit(cones[0] + lean + spread * random.normal(size=(4000, d))).astype(np.float16))
    return shards, unit(cones[1] + spread[::-1] * random.normal(size=(8000, d))).astype(np.float16)


def ways(shards: list[Matrix], images: Matrix, per_shard: int) -> dict[str, float]:
    d = images.shape[1]
    space = Space("measured", "1", d)
    image = Statistics(space, sample=0).add(images)
    everything = np.concatenate(shards)
    move = fit("realign", 1, image, lambda: shards)
    steps = text_steps("realign", move.parameters)[:1]
    truth = Statistics(space, sample=0).add(everything, steps=steps).mean

    kept = Statistics(space, sample=16384)
    for shard in shards:
        kept.merge(Statistics(space, sample=per_shard).add(shard))
    scale, shift = steps[0]
    sampled = unit(scale * unit_rows(kept.sample) + shift)
    regression, standard_error = estimated_mean(kept, steps)

    # First order around the mean, from second moments: E[v (t - t0)] = Cov c with t = c'v.
    y = unit_rows(everything)
    mean = y.mean(axis=0)
    covariance = (y - mean).T @ (y - mean) / len(y)
    square = float(shift @ shift + scale**2 + 2 * scale * shift @ mean)
    taylor = square**-0.5 * (shift + scale * mean) - scale * square**-1.5 * scale * (covariance @ shift)

    # Exact sums at the parameters of all shards but the last; what the last one changes comes from the sample.
    before = text_steps("realign", fit("realign", 1, image, lambda: shards[:-1]).parameters)[:1]
    old = Statistics(space, sample=0).add(everything, steps=before).mean
    change = sampled.mean(axis=0) - unit(before[0][0] * unit_rows(kept.sample) + before[0][1]).mean(axis=0)

    def off(found: NDArray[np.float64]) -> float:
        return float(np.linalg.norm(found - truth))

    centroids = []
    for passes in (0, 1, 2, 3):
        moved = fit("realign", passes, image, lambda: shards)
        after = Statistics(space, sample=0).add(everything, steps=text_steps("realign", moved.parameters)).mean
        centroids.append(float(np.linalg.norm(after - image.mean)))
    return {
        "rows": len(everything),
        "sample_rows": len(kept.sample),
        "plain_sample": off(sampled.mean(axis=0)),
        "regression_on_sample": off(regression),
        "regression_standard_error": standard_error,
        "second_moments_first_order": off(taylor),
        "old_parameters_exact_and_change_sampled": off(old + change),
        "image_mean_standard_error": image.standard_error,
        **{f"centroid_error_{passes}_passes": value for passes, value in enumerate(centroids)},
    }


if __name__ == "__main__":
    print(
        json.dumps({"pocket": ways(*pocket(), per_shard=64), "synthetic": ways(*synthetic(), per_shard=256)}, indent=2)
    )
