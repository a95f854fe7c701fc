"""Plots of the gap: common principal components, histograms of cosines, spectra, recall curves.

Each is a matplotlib Figure; `png` and `svg` write it down. Colours are of Okabe and Ito's palette, which stays distinct
with colour-blind eyes; markers and line styles differ too. The numbers come from the modules beside this one.
"""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from unicorn_assets.gap.distribution import moments, spectrum
from unicorn_assets.gap.paired import DIRECTIONS, retrieval_ranks
from unicorn_assets.gap.split import Sides as Held
from unicorn_assets.gap.split import split
from unicorn_assets.gap.threads import threads_for
from unicorn_assets.transfer import Transfer
from unicorn_assets.vectors.rows import Float64, Rows, unit_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXT, IMAGE, BETWEEN = "#0072B2", "#D55E00", "#009E73"
POINTS = 600  # of each cloud; more only hide each other
COSINES = 1000  # rows of each side for the histograms
RECALL_RANKS = 100  # the longest list of a recall curve
_INK = "#0a0b0c"  # stands for the page's own text colour in SVG; no other thing is drawn in it

Sides = tuple[Rows, Rows]  # texts (n, d), images (m, d)
Drawn = dict[str, tuple["Figure", str]]  # title: figure, what it shows in a sentence or two


def draw_all(transfer: Transfer, text: Rows, images: Rows, pairs: Sides | None = None, seed: int = 0) -> Drawn:
    """All figures of the held-out rows that gap.compare measures; recall only where there are pairs."""
    _, held = split(text, images, pairs, seed)
    with threads_for(transfer.space.dimension):
        return _draw_all(transfer, held)


def _draw_all(transfer: Transfer, held: Held) -> Drawn:
    before = held.text, held.images
    after = transfer.apply(held.text), transfer.image_side(held.images)
    name = transfer.method
    found: Drawn = {
        "common PCA": (
            common_pca(before, after, name),
            "Texts and images as points in the same two principal components, before and after the move. "
            "Before, two clouds apart show the gap; after a good move they cover each other.",
        ),
        "cosines": (
            cosine_histograms(before, after, name),
            "Histograms of cosines within texts, within images and between the two, before and after the move. "
            "Where the gap is closed, the three lie on each other.",
        ),
        "spectra": (
            spectra(before, after, name),
            "Variance along each side's own principal components, from the largest down, on a log scale. "
            "A moved spectrum near the images' means clouds of the same shape.",
        ),
    }
    if held.pairs is not None:
        moved = transfer.apply(held.pairs[0]), transfer.image_side(held.pairs[1])
        found["recall"] = (
            recall_curves(held.pairs, moved, name),
            f"Share of queries whose own partner is among the k nearest of {len(moved[0]):,}, both ways, before and "
            "after the move. A move that keeps the meaning does not lower the curves.",
        )
    return found


def common_pca(before: Sides, after: Sides, method: str = "moved", seed: int = 0) -> "Figure":
    """Texts and images before and after the move, side by side, in the same two principal components of all of them."""
    clouds = [_some(rows, POINTS, seed) for rows in (*before, *after)]
    stacked = np.concatenate(clouds)
    centre = stacked.mean(axis=0)
    _, sizes, directions = np.linalg.svd(stacked - centre, full_matrices=False)
    share = sizes**2 / max(float((sizes**2).sum()), np.finfo(float).tiny)
    figure, panels = _panels(2, 4.6, shared=True)
    for panel, title, (y, x) in zip(panels, _titles(method), (clouds[:2], clouds[2:]), strict=True):
        for rows, colour, marker, name in ((x, IMAGE, "^", "images"), (y, TEXT, "o", "texts")):
            at = (rows - centre) @ directions[:2].T
            panel.scatter(
                at[:, 0], at[:, 1], s=14, c=colour, marker=marker, alpha=0.6, linewidths=0, label=name, rasterized=True
            )
        _label(panel, title, f"principal component 1 ({share[0]:.0%} of the variance)")
    panels[0].set_ylabel(f"principal component 2 ({share[1]:.0%} of the variance)")
    _legend(panels[0], markerscale=2)
    return figure


def cosine_histograms(before: Sides, after: Sides, method: str = "moved") -> "Figure":
    """Histograms of cosines within texts, within images and between the two, before and after the move."""
    figure, panels = _panels(2, 4.2, shared=True)
    for panel, title, (texts, images) in zip(panels, _titles(method), (before, after), strict=True):
        y, x = _some(texts, COSINES, 0), _some(images, COSINES, 1)
        kinds = (
            (_within(y), TEXT, "-", "text with text"),
            (_within(x), IMAGE, "--", "image with image"),
            ((y @ x.T).ravel(), BETWEEN, ":", "text with image"),
        )
        for values, colour, style, name in kinds:
            panel.hist(
                values, bins=80, range=(-1, 1), density=True, histtype="step",
                color=colour, linestyle=style, linewidth=2, label=name,
            )  # fmt: skip
        _label(panel, title, "cosine")
    panels[0].set_ylabel("density")
    _legend(panels[0])
    return figure


def spectra(before: Sides, after: Sides, method: str = "moved") -> "Figure":
    """Eigenvalues of the covariances of texts, moved texts and images, from the largest down, on a log scale."""
    figure, (panel,) = _panels(1, 4.2)
    lines = (
        (before[0], TEXT, "-", "texts as encoded"),
        (after[0], BETWEEN, ":", f"texts after {method}"),
        (after[1], IMAGE, "--", "images"),
    )
    for rows, colour, style, name in lines:
        units = unit_rows(rows)
        values, _ = spectrum(moments(units)[1])
        values = values[: min(len(units) - 1, len(values))]
        numbers = np.arange(1, len(values) + 1)
        panel.plot(
            numbers, np.maximum(values, 1e-9), style, color=colour, linewidth=2, label=f"{name} ({len(units):,})"
        )
    panel.set_yscale("log")
    _label(panel, "spectra", "principal component")
    panel.set_ylabel("variance along it")
    _legend(panel)
    return figure


def recall_curves(before: Sides, after: Sides, method: str = "moved") -> "Figure":
    """Recall over the length k of the list, text to image and image to text, from paired texts and images."""
    found = [retrieval_ranks(unit_rows(text), unit_rows(images)) for text, images in (before, after)]
    n = len(before[0])
    k = np.arange(1, min(n, RECALL_RANKS) + 1)
    figure, panels = _panels(2, 4.2, shared=True)
    for panel, way in zip(panels, DIRECTIONS, strict=True):
        for ranks, colour, style, name in ((found[0], TEXT, "-", "before"), (found[1], BETWEEN, "--", method)):
            panel.plot(k, [np.mean(ranks[way] <= at) for at in k], style, color=colour, linewidth=2, label=name)
        panel.plot(k, k / n, ":", color=_INK, alpha=0.6, linewidth=1.5, label="chance")
        panel.set_xscale("log")
        ticks = [at for at in (1, 2, 5, 10, 20, 50, 100) if at <= len(k)]
        panel.set_xticks(ticks, [str(at) for at in ticks])
        panel.minorticks_off()
        _label(panel, way.replace("_", " "), f"k, of {n:,}")
    panels[0].set_ylabel("recall at k")
    panels[0].set_ylim(bottom=0)
    _legend(panels[0])
    return figure


def png(figure: "Figure") -> bytes:
    """PNG bytes on white; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})  # no version inside
    return buffer.getvalue()


def svg(figure: "Figure", name: str) -> str:
    """An <svg> element for HTML: no background, letters as text in the page's own colour, ids that start with `name`.

    Points are an image inside it, as a data URI; nothing in it refers to anything outside.
    """
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    found = buffer.getvalue()
    found = found[found.index("<svg") :]
    found = re.sub(r"<metadata>.*?</metadata>", "", found, flags=re.DOTALL)
    found = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", found)  # HTML's parser knows them; the page names no address at all
    found = re.sub(r'(\bid="|"#|url\(#)', rf"\g<1>{name}-", found)  # several figures share a page
    return found.replace(_INK, "currentColor")


def _titles(method: str) -> Sequence[str]:
    return "before: texts as encoded", f"after: {method}"


def _some(rows: Rows, n: int, seed: int) -> Float64:
    return unit_rows(rows[np.random.default_rng(seed).permutation(len(rows))[:n]])


def _within(rows: Float64) -> Float64:
    """Cosines of all pairs of different rows, each pair once."""
    found: Float64 = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    return found


def _panels(number: int, height: float, shared: bool = False) -> tuple["Figure", Sequence["Axes"]]:
    """A figure of its own canvas: no display, and no global state that a server would have to clean up."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10 if number > 1 else 7, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, number, sharex=shared, sharey=shared, squeeze=False)[0]
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color(_INK)
        panel.tick_params(which="both", color=_INK, labelcolor=_INK)
    return figure, panels


def _label(panel: "Axes", title: str, below: str) -> None:
    panel.set_title(title, color=_INK)
    panel.set_xlabel(below, color=_INK)
    panel.yaxis.label.set_color(_INK)


def _legend(panel: "Axes", **how: float) -> None:
    panel.legend(loc="best", frameon=False, labelcolor=_INK, **how)
