"""Small plots for the Dagster UI, as PNG inside metadata."""

import io
from collections.abc import Sequence

import dagster as dg

from unicorn_assets.assets.metadata import picture


def histogram(values: Sequence[float], about: str) -> dg.MarkdownMetadataValue:
    """How `values` are spread; `about` names the quantity and its unit."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 2.4), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.hist(values, bins=min(30, max(5, len(set(values)))), color="#0072B2")
    axes.set_xlabel(about)
    axes.set_ylabel("rows")
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return picture(buffer.getvalue(), about)
