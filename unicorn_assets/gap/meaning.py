"""How to read each metric: its range or unit, and which direction is better. Formulas are beside the code."""

from unicorn_assets.gap.intervals import Estimate

_RECALL = "share of {0} whose own {1} is among the {2} nearest, 0 to 1; higher is better"

MEANING = {
    "centroid_distance": "distance between the two means, 0 to 2; lower is better. One shift fixes it and little else",
    "frechet_distance": "squared Frechet distance of the two clouds taken as Gaussians, 0 to 4; lower is better. "
    "Trust it only with many more vectors than dimensions",
    "covariance_gap": "difference of the covariances relative to the images', 0 is equal; lower is better",
    "trace_ratio": "spread of texts over spread of images; 1 is best",
    "spectral_correlation": "correlation of the two sorted eigenvalue spectra, -1 to 1; higher is better",
    "subspace_overlap": "how far the 16 leading directions span the same subspace, 0 to 1; higher is better, "
    "16 / dimension is chance",
    "effective_rank_text": "number of directions that carry the texts' spread; better near effective_rank_image",
    "effective_rank_image": "number of directions that carry the images' spread; the target, neither good nor bad",
    "linear_separability": "held-out accuracy of a linear probe that tells text from image, 0 to 1; 0.5 is best",
    "knn_mixing": "share of the other modality among the 20 nearest neighbours, 0 to 1; about 0.5 is best, 0 is apart",
    "uniformity_text": "log of mean exp(-2 |u - v|^2) among texts, -4 to 0, lower is more even; "
    "better near uniformity_image",
    "uniformity_image": "log of mean exp(-2 |u - v|^2) among images, -4 to 0; the target, neither good nor bad",
    "source_cosine": "mean cosine of a text vector with itself after the move, -1 to 1; higher means less was changed",
    "neighbour_overlap": "share of a text's 20 nearest texts that stay its nearest, 0 to 1; higher is better",
    "paired_cosine": "mean cosine of a text with its own image, -1 to 1; higher is better; narrow cones raise it too",
    "alignment": "mean squared distance of a text to its own image, 0 to 4; lower is better",
    "centred_distance": "root mean square distance of a text to its own image once each side's mean is taken off, "
    "0 to 2; lower is better. What no shift can close, and what tells most of how a task goes",
    "relative_modality_gap": "distance of pairs relative to that of strangers within a side, 0 to 1; lower is better, "
    "0.5 is no closer than strangers",
    **{f"text_to_image_recall_{k}": _RECALL.format("texts", "image", k) for k in (1, 5, 10)},
    **{f"image_to_text_recall_{k}": _RECALL.format("images", "text", k) for k in (1, 5, 10)},
}

GROUPS = {
    "The two clouds": ("centroid_distance", "frechet_distance", "covariance_gap", "trace_ratio",
                       "spectral_correlation", "subspace_overlap", "effective_rank_text", "effective_rank_image",
                       "linear_separability", "knn_mixing", "uniformity_text", "uniformity_image"),
    "What the move left of the texts": ("source_cosine", "neighbour_overlap"),
    "Texts with their own images": ("centred_distance", "paired_cosine", "alignment", "relative_modality_gap",
                                    *(metric for metric in MEANING if "recall" in metric)),
}  # fmt: skip

NEEDS_ROWS = (
    "frechet_distance",
    "spectral_correlation",
    "subspace_overlap",
    "effective_rank_text",
    "effective_rank_image",
)
"""Metrics that fewer rows than dimensions distort more than their intervals tell."""

_BEST = {
    **dict.fromkeys(("centroid_distance", "frechet_distance", "covariance_gap", "relative_modality_gap"), 0.0),
    **dict.fromkeys(("trace_ratio", "spectral_correlation", "subspace_overlap", "paired_cosine"), 1.0),
    **dict.fromkeys((metric for metric in MEANING if "recall" in metric), 1.0),
    **dict.fromkeys(("linear_separability", "knn_mixing"), 0.5),
    "alignment": 0.0,
    "centred_distance": 0.0,
    "neighbour_overlap": 1.0,
}


def explain(metric: str) -> str:
    """What the metric says, its unit or range, and the better direction; KeyError for a name that no one measures."""
    return MEANING[metric]


def best(metric: str) -> float | None:
    """The value to wish for; None where that depends on the images."""
    return _BEST.get(metric)


def change(metric: str, before: Estimate, after: Estimate, target: Estimate | None = None) -> str:
    """In a word: "better", "worse", or "unclear" where the intervals meet; empty for a metric that is no aim.

    `target` is the images' own value for metrics of the texts that should come near it.
    """
    wanted = target.value if target else best(metric)
    if wanted is None or metric.endswith("_image"):
        return ""
    if before.low <= after.high and after.low <= before.high:
        return "unclear"
    return "better" if abs(after.value - wanted) < abs(before.value - wanted) else "worse"
