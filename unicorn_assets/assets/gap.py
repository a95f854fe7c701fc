"""The modality gap over the lake: a sample of all shards' vectors, measured before and after the move."""

import json
from collections.abc import Sequence
from typing import Any

import dagster as dg

from unicorn_assets.assets.metadata import picture
from unicorn_assets.lake.store import Lake
from unicorn_assets.representation.gap import compare
from unicorn_assets.representation.image_reference import SAMPLE_ROWS, ImageReference
from unicorn_assets.representation.plots import common_pca, cosine_histograms
from unicorn_assets.representation.sample import Sample
from unicorn_assets.representation.transfer import Transfer
from unicorn_assets.representation.vectors import Rows


def measure(
    lake: Lake, shards: Sequence[str], reference: ImageReference, fitted: Transfer
) -> tuple[bytes, dict[str, Any]]:
    """The report as JSON bytes ({"before": ..., "after": ...}), and the same numbers as figures for the UI."""
    before, after = compare(fitted, text_sample(lake, shards), reference)
    report = {"method": fitted.method, "before": before, "after": {m: after[m] for m in before}}
    preserved = {metric: value for metric, value in after.items() if metric not in before}
    figures = {f"{metric} before": value for metric, value in before.items()}
    figures |= {f"{metric} after": after[metric] for metric in before} | preserved
    return json.dumps(report | {"preserved": preserved}, indent=1).encode(), figures


def plots(
    lake: Lake, shards: Sequence[str], reference: ImageReference, fitted: Transfer
) -> dict[str, dg.MarkdownMetadataValue]:
    """Pictures for the UI."""
    text = text_sample(lake, shards)
    images = reference.sample
    moved, moved_images = fitted.apply(text), fitted.image_side(images)
    return {
        "before and after, common PCA": picture(
            common_pca(text, moved, images, moved_images, fitted.method), "PCA of text and image vectors"
        ),
        "cosines, text to image": picture(
            cosine_histograms(text, moved, images, moved_images, fitted.method), "cosines before and after"
        ),
    }


def text_sample(lake: Lake, shards: Sequence[str]) -> Rows:
    """At most SAMPLE_ROWS text vectors, drawn evenly from all shards, the same ones every time."""
    sample = Sample(SAMPLE_ROWS)
    for shard in shards:
        sample.add(lake.read_vectors("text_embeddings", shard)[1])
    return sample.rows
