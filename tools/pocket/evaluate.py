"""Measures a trained pocket encoder as it will be shipped (fp16 weights, its own preprocessing) and writes the results.

Image statistics come from the trained concepts' pictures of the training vendors; retrieval and gap from the pictures
of the vendor that was never trained on.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from tools.pocket.captions import evaluation_captions
from tools.pocket.card import CARD, METRICS, render
from tools.pocket.concepts import Concept
from tools.pocket.image_features import plain_features, through_image_head
from tools.pocket.pictures import HELD_OUT_VENDOR, Pictures
from tools.pocket.text_features import text_features, through_head
from unicorn_assets.encoders.pocket.encoder import PocketEncoder
from unicorn_assets.encoders.pocket.files import PAIRS, PAIRS_TEXT, REFERENCE
from unicorn_assets.gap.distribution import distribution_metrics
from unicorn_assets.gap.mixing import mixing_metrics
from unicorn_assets.gap.paired import own_ranks, paired_metrics

SAMPLE = 2000  # image vectors shipped
GAP = (
    "centroid_distance",
    "relative_modality_gap",
    "linear_separability",
    "paired_cosine",
    "frechet_distance",
)

Vectors = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def write_measured(
    out: Path, concepts: list[Concept], pictures: Pictures, width: str, training: dict[str, Any], cache: Path
) -> dict[str, Any]:
    """Write reference, evaluation pairs, metrics.json and the card beside the weights in `out`; returns the metrics.

    `training` are its settings and seconds; `cache` keeps the frozen towers' features.
    """
    encoder = PocketEncoder(width, folder=out)
    images = through_image_head(encoder.pocket, plain_features(encoder.pocket, pictures.pixels, cache, print))
    about = {"encoder": encoder.name, "revision": encoder.revision}
    counts = write_reference(out, images, concepts, pictures, about)
    texts, image, held_out = write_pairs(out, encoder, images, concepts, pictures, about, cache)
    scale = float(encoder.pocket.model.logit_scale.detach().exp())
    metrics = about | {"width": width, "training": training} | counts | {"logit_scale": round(scale, 2)}
    metrics |= {"held_out_vendor": HELD_OUT_VENDOR, "held_out_pairs": int(held_out.sum()), "pairs": len(held_out)}
    metrics["retrieval"] = {kind: recalls(text, image, held_out) for kind, text in texts.items()}
    metrics["gap"] = {kind: gap(text, image) for kind, text in texts.items()}
    (out / METRICS).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    (out / CARD).write_text(render(metrics), encoding="utf-8")
    return metrics


def write_reference(
    out: Path, images: Vectors, concepts: list[Concept], pictures: Pictures, about: dict[str, str]
) -> dict[str, Any]:
    """Statistics and a sample of the training pictures' vectors; counts of those pictures by vendor."""
    held_out = np.array([concept.held_out for concept in concepts])[pictures.concept]
    rows = np.flatnonzero((pictures.vendor != HELD_OUT_VENDOR) & ~held_out)
    vectors = images[rows].astype(np.float64)
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    sample = np.sort(np.random.default_rng(0).choice(len(rows), min(SAMPLE, len(rows)), replace=False))
    ids = [f"{pictures.vendor[rows[i]]}/{concepts[pictures.concept[rows[i]]].hexcode}" for i in sample]
    tensors = {
        "mean": mean,
        "covariance": centred.T @ centred / len(vectors),
        "vectors": vectors[sample].astype(np.float16),
    }
    save_file(tensors, out / REFERENCE, about | {"count": str(len(rows)), "sample_ids": json.dumps(ids)})
    vendors, numbers = np.unique(pictures.vendor[rows], return_counts=True)
    return {
        "concepts": len(concepts),
        "trained_concepts": len(np.unique(pictures.concept[rows])),
        "trained_pictures": dict(zip(vendors.tolist(), numbers.tolist(), strict=True)),
    }


def write_pairs(
    out: Path,
    encoder: PocketEncoder,
    images: Vectors,
    concepts: list[Concept],
    pictures: Pictures,
    about: dict[str, str],
    cache: Path,
) -> tuple[dict[str, Doubles], Doubles, npt.NDArray[np.bool_]]:
    """Vectors of the held-out vendor's texts by kind and of its pictures; which concepts were held out too."""
    rows = np.flatnonzero(pictures.vendor == HELD_OUT_VENDOR)
    shown = [concepts[i] for i in pictures.concept[rows]]
    written = [evaluation_captions(concept) for concept in shown]
    lines = [
        {
            "id": concept.hexcode,
            "label": concept.label,
            "group": concept.group,
            "held_out": concept.held_out,
        }
        | texts
        for concept, texts in zip(shown, written, strict=True)
    ]
    text = json.dumps(lines, ensure_ascii=False, indent=0)
    (out / PAIRS_TEXT).write_text(text + "\n", encoding="utf-8")
    image = images[rows]
    short = encoder.encode_texts([texts["caption"] for texts in written])
    save_file({"vectors": image.astype(np.float16), "texts": short.astype(np.float16)}, out / PAIRS, about)
    kinds = {kind: [texts[kind] for texts in written] for kind in written[0]}
    vectors = {
        kind: through_head(encoder.pocket, text_features(encoder.pocket, texts, cache, print)).astype(np.float64)
        for kind, texts in kinds.items()
    }
    return vectors, image.astype(np.float64), np.array([concept.held_out for concept in shown])


def recalls(text: Doubles, image: Doubles, held_out: npt.NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    """Share of texts whose own picture is among the best 1, 5, 10, in per cent, by which texts ask which pictures."""
    ranks = {
        "seen_concepts": own_ranks(text[~held_out] @ image[~held_out].T),
        "held_out_concepts": own_ranks(text[held_out] @ image[held_out].T),
        "held_out_concepts_all_pictures": own_ranks(text @ image.T)[held_out],
    }
    return {
        name: {f"recall_{k}": round(100 * float(np.mean(found <= k)), 1) for k in (1, 5, 10)}
        for name, found in ranks.items()
    }


def gap(text: Doubles, image: Doubles) -> dict[str, float]:
    """The gap between the two sides of the evaluation pairs."""
    found = distribution_metrics(text, image) | mixing_metrics(text, image, 0) | paired_metrics(text, image)
    return {name: round(found[name], 4) for name in GAP}
