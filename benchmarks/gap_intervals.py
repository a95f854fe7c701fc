"""How often the 95 % intervals of the gap's metrics hold the truth, and how far values and plain formulas are off.

A world is 40,000 texts and images of Gaussian clouds made unit length, 96 dimensions, variances that fall like
1 / k^1.2. Its metrics are the truth; samples of it are measured as `unicorn_assets.gap` does. Three
worlds: texts as encoded (far), texts after ReAlign (near), and other images in the texts' place (same). About five
minutes of one CPU core:

    python benchmarks/gap_intervals.py [--json] [--draws 100]
"""

import argparse
import json
from collections.abc import Iterator

import numpy as np

from unicorn_assets.gap.corrected import distribution_estimates
from unicorn_assets.gap.distribution import distribution_metrics
from unicorn_assets.gap.intervals import Estimate
from unicorn_assets.gap.mixing import mixing_estimates, uniformity
from unicorn_assets.gap.paired import paired_estimates, relative_modality_gap
from unicorn_assets.transfer import fit
from unicorn_assets.vectors.rows import Float64, Space, unit_rows
from unicorn_assets.vectors.statistics import Statistics

DIMENSION, POPULATION = 96, 40_000
SIZES = ((43, 1000), (1000, 1000))  # texts, images: the demo's held-out part, and that of a large corpus
PAIRED = ("paired_cosine", "alignment", "relative_modality_gap")


def worlds() -> Iterator[tuple[str, Float64, Float64]]:
    """Name, texts and images; row i of both is a pair, except in the world `same`."""
    rng = np.random.default_rng(0)
    scale = np.arange(1, DIMENSION + 1) ** -0.6
    meaning, other = (rng.normal(size=(POPULATION, DIMENSION)) * scale for _ in range(2))
    noise = [rng.normal(size=meaning.shape) * 0.5 * scale for _ in range(3)]
    towards = [rng.normal(size=DIMENSION) * 0.2 for _ in range(2)]
    images, others = unit_rows(0.7 * meaning + noise[0] + towards[0]), unit_rows(0.7 * other + noise[1] + towards[0])
    # Texts spread more evenly over directions than images do, as those of contrastive encoders do.
    texts = unit_rows((0.7 * meaning + noise[2]) * scale[::-1] ** 0.3 + towards[1])
    move = fit("realign", 1, Statistics(Space("world", "1", DIMENSION)).add(images), lambda: [texts])
    yield "far", texts, images
    yield "near", unit_rows(move.apply(texts)), images
    yield "same", others, images


def measured(text: Float64, image: Float64, pairs: tuple[Float64, Float64], seed: int) -> dict[str, Estimate]:
    """Metrics with intervals whose truth a world can tell."""
    found = distribution_estimates(text, image, seed)
    found["uniformity_text"] = mixing_estimates(text, image, seed)["uniformity_text"]
    paired = paired_estimates(*pairs, seed)
    return found | {metric: paired[metric] for metric in PAIRED}


def truth(text: Float64, image: Float64) -> dict[str, float]:
    """The same metrics of the whole world."""
    cosine = float(np.einsum("ij,ij->i", text, image).mean())
    return {
        **distribution_metrics(text, image),
        "uniformity_text": uniformity(text[:8000]),
        "paired_cosine": cosine,
        "alignment": 2 - 2 * cosine,
        "relative_modality_gap": relative_modality_gap(text, image),
    }


def coverage(draws: int) -> list[dict[str, object]]:
    """A row per world, size and metric."""
    rows = []
    for world, text, image in worlds():
        real = truth(text, image)
        for n, m in SIZES:
            rng, found = np.random.default_rng(n), []
            for seed in range(draws):
                some, others = rng.choice(POPULATION, n, replace=False), rng.choice(POPULATION, m, replace=False)
                found.append(measured(text[some], image[others], (text[some], image[some]), seed))
            for metric, value in real.items():
                estimates = [draw[metric] for draw in found]
                plain = [e.plain for e in estimates if e.plain is not None]
                rows.append({
                    "world": world, "texts": n, "images": m, "metric": metric, "truth": value,
                    "mean_value": float(np.mean([e.value for e in estimates])),
                    "mean_plain": float(np.mean(plain)) if plain else None,
                    "covered": float(np.mean([e.low <= value <= e.high for e in estimates])),
                })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--draws", type=int, default=100)
    options = parser.parse_args()
    rows = coverage(options.draws)
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        plain = "" if row["mean_plain"] is None else f"{row['mean_plain']:9.4f}"
        print(
            f"{row['world']:5} {row['texts']:5} {row['metric']:22} truth {row['truth']:8.4f} "
            f"value {row['mean_value']:8.4f} plain {plain:9} covered {row['covered']:.2f}"
        )


if __name__ == "__main__":
    main()
