"""What one encoder's two sides look like before any move, and how near each method brings them: measured, no probe."""

import numpy as np
from material import Material, World
from numpy.typing import NDArray

from unicorn_assets.gap.distribution import distribution_metrics, moments, spectrum
from unicorn_assets.gap.mixing import mixing_metrics
from unicorn_assets.gap.paired import paired_metrics
from unicorn_assets.transfer import fit
from unicorn_assets.vectors.statistics import Statistics

MOVES = ("mean_shift", "i0t", "realign", "aniso_init")
TOP = 10  # leading directions whose share of the spread is told

Rows = NDArray[np.float64]


def conditions(world: World, material: Material) -> dict[str, float]:
    """Figures by name. Text: the probe's captions of trained concepts; images: the training vendors' pictures."""
    seen = ~world.held_out
    text = material.text[seen].reshape(-1, material.text.shape[2])
    image = material.image[~material.new_vendor & seen[material.image_concept]]
    y, x = text.astype(np.float64), image.astype(np.float64)
    found = {"logit_scale": material.logit_scale, "cone_text": cone(y), "cone_image": cone(x)}
    found |= {f"mean_length_{side}": float(np.linalg.norm(rows.mean(0))) for side, rows in (("text", y), ("image", x))}
    found |= {f"radius_spread_{side}": radius_spread(rows) for side, rows in (("text", y), ("image", x))}
    found |= {f"top_{TOP}_share_{side}": top_share(rows) for side, rows in (("text", y), ("image", x))}
    found |= clouds(y, x)
    rows = np.flatnonzero(material.new_vendor & seen[material.image_concept])
    pairs = (material.text[material.image_concept[rows], 0], material.image[rows])
    paired = paired_metrics(*(side.astype(np.float64) for side in pairs))
    found |= {name: paired[name] for name in ("paired_cosine", "relative_modality_gap")}
    statistics = Statistics(material.space, covariance=True)
    statistics.add(image)
    for method in MOVES:
        move = fit(method, 1, statistics, lambda: [text])
        after = clouds(move.apply(text).astype(np.float64), move.image_side(image).astype(np.float64))
        found |= {f"{method}: {name}": value for name, value in after.items()}
    return found


def clouds(y: Rows, x: Rows) -> dict[str, float]:
    """The gap's unpaired figures that the report needs."""
    every = distribution_metrics(y, x) | mixing_metrics(y, x, 0)
    names = (
        "centroid_distance",
        "frechet_distance",
        "covariance_gap",
        "trace_ratio",
        "subspace_overlap",
        "effective_rank_text",
        "effective_rank_image",
        "linear_separability",
        "knn_mixing",
    )
    return {name: every[name] for name in names}


def cone(rows: Rows) -> float:
    """Mean cosine of two different rows, in closed form (N |mu|^2 - 1) / (N - 1)."""
    n = len(rows)
    mean = rows.mean(axis=0)
    return float((n * mean @ mean - 1) / (n - 1))


def radius_spread(rows: Rows) -> float:
    """Standard deviation over mean of |v - mu|: what mean shift discards by making every row unit length."""
    lengths = np.linalg.norm(rows - rows.mean(axis=0), axis=1)
    return float(lengths.std() / lengths.mean())


def top_share(rows: Rows) -> float:
    """Share of the spread in its leading directions."""
    values, _ = spectrum(moments(rows)[1])
    return float(values[:TOP].sum() / values.sum())
